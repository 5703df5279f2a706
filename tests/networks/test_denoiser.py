"""The sampler of flow and diffusion, with an exact estimate in closed form: what it draws, and what it asks for."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from condbench.conditioning import Condition
from condbench_plugins.networks.denoiser import SIGMA_MAX, Denoiser, noise_levels

MEAN, DEVIATION = -0.7, 0.3
U = Condition.of(torch.zeros(64, dtype=torch.long))


class Gaussian(Denoiser):
    """E[data | z] for data of MEAN and DEVIATION; it notes the noise levels that it is asked at."""

    def __init__(self, steps: int, temperature: float = 1.0) -> None:
        super().__init__((1, 16, 16), steps=steps, temperature=temperature)
        self.asked: list[float] = []

    def noised(self, x: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        raise NotImplementedError

    def estimate(self, z: Tensor, sigma: Tensor, u: Condition, scale: float = 1.0) -> Tensor:
        self.asked.append(float(sigma[0]))
        sigma = sigma.view(-1, 1, 1, 1)
        return (DEVIATION**2 * z + sigma**2 * MEAN) / (DEVIATION**2 + sigma**2)


def drawn(steps: int, temperature: float = 1.0) -> Tensor:
    return Gaussian(steps=steps, temperature=temperature).sample(U, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("steps", [24, 96])
def test_samples_are_distributed_as_the_data(steps: int) -> None:
    x = drawn(steps)
    # 16,384 pixels: 0.01 is more than four standard errors of the mean, and what 24 steps miss of the deviation.
    assert float(x.mean()) == pytest.approx(MEAN, abs=0.01)
    assert float(x.std()) == pytest.approx(DEVIATION, abs=0.012 if steps == 24 else 0.007)


def test_a_low_temperature_makes_samples_of_less_noise() -> None:
    """A Gaussian's samples are linear in the noise, all of which has the temperature."""
    half, whole = drawn(48, temperature=0.5), drawn(48)
    torch.testing.assert_close(half - MEAN, 0.5 * (whole - MEAN), atol=1e-4, rtol=0)


def test_noise_goes_in_on_the_way() -> None:
    """Where the start no longer tells what comes of it: an ordinary equation's samples would be a copy of it."""
    starts = torch.randn(64, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    both = torch.stack([starts.flatten(), drawn(24).flatten()])
    assert abs(float(torch.corrcoef(both)[0, 1])) < 0.1


def test_a_step_asks_once_and_never_where_there_is_no_noise_left() -> None:
    model = Gaussian(steps=24)
    model.sample(U, torch.Generator().manual_seed(0))
    assert model.asked == pytest.approx(noise_levels(24), rel=1e-5)
    assert len(model.asked) == 24 and model.asked[0] == pytest.approx(SIGMA_MAX)
    assert all(sigma > lower > 0 for sigma, lower in pairwise(model.asked))
    assert math.isclose(model.asked[-1], 0.04, rel_tol=1e-5)


class Responses(Gaussian):
    """Its n-th draw of noise is one in the n-th sample and zero in all others: each sample answers to one draw."""

    draws = 0

    def _noise(self, count: int, generator: torch.Generator) -> Tensor:
        noise = torch.zeros(count, *self.shape)
        noise[self.draws] = 1.0
        self.draws += 1
        return noise


def test_the_extrapolation_makes_it_second_order() -> None:
    """The deviation of samples comes four times nearer with half the step; without the extrapolation, twice.

    It is known without an error of sampling, since a Gaussian's samples are linear in the noise. Their mean would not
    tell: without noise E[data | z] stays what it is, which a solver without any extrapolation gets right.
    """

    def error(steps: int) -> float:
        u = Condition.of(torch.zeros(steps + 1, dtype=torch.long))
        x = Responses(steps=steps).sample(u, torch.Generator())[:, 0, 0, 0].double()
        deviation = float((x[:-1] - x[-1]).square().sum().sqrt())  # nothing was drawn for the last
        low = noise_levels(2)[1]
        return abs(deviation - DEVIATION**2 / math.hypot(DEVIATION, low))  # of E[data | z] at the last noise level

    assert error(96) < error(48) / 3
