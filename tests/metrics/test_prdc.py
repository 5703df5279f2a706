"""Precision, recall, density and coverage on sets whose overlap is known, and the intervals of what is counted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from condbench.data import Dataset
from condbench.evaluation import Evaluation
from condbench_plugins.metrics import prdc
from condbench_plugins.metrics.neighbours import compare

MakeEvaluation = Callable[..., Evaluation]


def gaussian(n: int, seed: int, shift: float = 0.0, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(n, 8, generator=torch.Generator().manual_seed(seed)) + shift


def test_far_apart_nothing_overlaps_and_alike_nearly_all_does() -> None:
    apart = compare(gaussian(300, 0), gaussian(300, 1, shift=50))
    assert not apart.in_real.any() and not apart.in_samples.any()
    assert not apart.balls.any() and not apart.held.any()
    alike = compare(gaussian(300, 0), gaussian(300, 1))
    assert alike.in_real.double().mean() > 0.8 and alike.in_samples.double().mean() > 0.8
    assert float(alike.balls.double().mean()) / 5 == pytest.approx(1, abs=0.2)
    assert alike.held.clamp(max=1).double().mean() > 0.9


def test_a_collapsed_model_is_precise_and_recalls_little() -> None:
    found = compare(gaussian(300, 0, scale=0.2), gaussian(300, 1))
    assert found.in_real.double().mean() > 0.95
    assert found.in_samples.double().mean() < 0.1
    assert found.held.clamp(max=1).double().mean() < 0.5


def test_one_outlier_among_the_samples_does_not_cover_the_data() -> None:
    """Its ball holds all real images, so that recall is 1; coverage looks at the balls of real images only."""
    samples = torch.cat([gaussian(10, 0, scale=0.01, shift=-9), gaussian(1, 0, shift=60)])
    found = compare(samples, gaussian(300, 1))
    assert found.in_samples.all()
    assert found.held.clamp(max=1).double().mean() < 0.1


def test_copies_of_real_images_are_in_the_balls_of_their_originals() -> None:
    real = gaussian(200, 0)
    found = compare(real.clone(), real)
    assert found.in_real.all() and found.in_samples.all() and found.held.all()
    assert int(found.balls.min()) >= 1


def test_as_many_real_images_as_samples(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    evaluation = evaluation_of(digits.test.x[:300])
    for measure in (
        prdc.measure_precision, prdc.measure_recall, prdc.measure_density, prdc.measure_coverage,
    ):  # fmt: skip
        measured = measure(evaluation)
        assert measured.n == 300
        assert measured.low is not None and measured.high is not None
        assert measured.low < measured.value < measured.high


def test_intervals_are_about_as_wide_as_redrawing_moves_the_values() -> None:
    """Over draws of both sets, balls included: what the module says of its intervals."""
    n = 150
    draws = [compare(gaussian(n, 2 * k, scale=0.8), gaussian(n, 2 * k + 1)) for k in range(60)]

    def ratio(hits: list[torch.Tensor]) -> float:
        shares = np.array([float(some.double().mean()) for some in hits])
        return float(shares.std() / np.sqrt(shares.mean() * (1 - shares.mean()) / n))

    assert 0.7 < ratio([draw.in_real for draw in draws]) < 1.2
    assert 0.7 < ratio([draw.in_samples for draw in draws]) < 1.5
    assert 0.7 < ratio([draw.held > 0 for draw in draws]) < 1.4
    densities, errors = np.array([prdc.density(draw.balls, draw.held) for draw in draws]).T
    assert 0.7 < densities.std() / errors.mean() < 1.2
