"""The table of intensities: a distribution for every mean, and the one that was counted."""

from __future__ import annotations

import math

import pytest
import torch

from condbench_plugins.networks.intensities import INTENSITIES, IntensityTable


def every_intensity() -> torch.Tensor:
    return torch.arange(INTENSITIES) / 127.5 - 1


def test_whatever_was_painted_the_intensities_sum_to_one() -> None:
    table = IntensityTable()
    table.count(torch.randn(32, 50), torch.rand(32, 50) * 2 - 1)
    for logit in (-100.0, -3.0, 0.1, 9.0):
        log_prob = table.log_prob(torch.full((INTENSITIES, 1), logit), every_intensity()[:, None])
        assert float(log_prob.exp().sum()) == pytest.approx(1, abs=1e-5)


def test_it_learns_what_comes_with_each_mean_and_adds_up_over_an_image() -> None:
    """Black pixels are black; grey ones are 100 or 200, as often."""
    table = IntensityTable()
    generator = torch.Generator().manual_seed(0)
    logits = torch.tensor([-7.0, 0.0]).expand(32, 2)
    for _ in range(50):
        grey = torch.where(torch.rand(32, generator=generator) < 0.5, 100.0, 200.0) / 127.5 - 1
        table.count(logits, torch.stack([torch.full_like(grey, -1.0), grey], dim=1))
    images = torch.tensor([[[0.0, 100.0]], [[0.0, 200.0]], [[1.0, 100.0]]]) / 127.5 - 1
    log_prob = table.log_prob(logits[:3, None], images)
    torch.testing.assert_close(log_prob[:2], torch.full((2,), math.log(0.5)), atol=0.1, rtol=0)
    assert -20 < float(log_prob[2]) < -5
