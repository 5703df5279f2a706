"""KID's error: its intervals hold what they should by simulation, with and without a difference to be found."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from condbench_plugins.metrics import kid
from condbench_plugins.metrics.neighbours import compare

DRAWS = 150


def estimates(shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Values and standard errors over many draws of 60 and 90 features."""
    generator = torch.Generator().manual_seed(1)
    found = []
    for _ in range(DRAWS):
        one = torch.randn(60, 6, generator=generator) + shift
        pairs = compare(one, torch.randn(90, 6, generator=generator))
        found.append(kid.estimate(pairs.samples, pairs.real, pairs.samples_cross, pairs.real_cross))
    values, errors = np.array(found).T
    return values, errors


def test_no_difference_is_zero_on_average_and_within_the_interval() -> None:
    values, errors = estimates(0.0)
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(DRAWS), "unbiased"
    assert (abs(values) < 1.96 * errors).mean() >= 0.95
    assert 1.0 < np.sqrt((errors**2).mean()) / values.std() < 1.8, "too wide by about the square root of 2"


def test_a_difference_has_an_interval_that_holds_it() -> None:
    """The population's value: E k(x, x') + E k(y, y') - 2 E k(x, y), by far more draws."""
    generator = torch.Generator().manual_seed(2)
    shift = 0.8
    x, also_x = (torch.randn(2000, 6, generator=generator, dtype=torch.float64) + shift for _ in range(2))
    y, also_y = (torch.randn(2000, 6, generator=generator, dtype=torch.float64) for _ in range(2))

    def kernel(a: torch.Tensor, b: torch.Tensor) -> float:
        return float(((a @ b.T / 6 + 1) ** 3).mean())

    truth = kernel(x, also_x) + kernel(y, also_y) - 2 * kernel(x, y)
    values, errors = estimates(shift)
    assert values.mean() == pytest.approx(truth, rel=0.1)
    covered = (abs(values - truth) < 1.96 * errors).mean()
    assert 0.9 <= covered <= 0.99
    assert np.sqrt((errors**2).mean()) / values.std() == pytest.approx(1, abs=0.2)


def test_the_error_is_the_jackknifes() -> None:
    """Leaving out one image at a time, of either set, and computing all again."""
    generator = torch.Generator().manual_seed(0)
    one, other = torch.randn(12, 4, generator=generator) + 0.5, torch.randn(9, 4, generator=generator)

    def value(samples: torch.Tensor, real: torch.Tensor) -> tuple[float, float]:
        pairs = compare(samples, real)
        return kid.estimate(pairs.samples, pairs.real, pairs.samples_cross, pairs.real_cross)

    def without(features: torch.Tensor, k: int) -> torch.Tensor:
        return torch.cat([features[:k], features[k + 1 :]])

    left_one = np.array([value(without(one, k), other)[0] for k in range(12)])
    left_other = np.array([value(one, without(other, k))[0] for k in range(9)])
    expected = np.sqrt(11 * left_one.var() + 8 * left_other.var())
    assert value(one, other)[1] == pytest.approx(expected, rel=1e-4)
