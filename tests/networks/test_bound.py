"""The bound of the likelihood, against what it is in closed form for data that are a Gaussian."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from condbench_plugins.networks.bound import diffused, log_likelihood_of_images

MEAN, DEVIATION = -0.2, 0.3
SIGMA_MIN, SIGMA_MAX = 0.02, 40.0
SIZE = 400


def denoise(z: Tensor, sigma: Tensor) -> Tensor:
    """E[data | z] for data of MEAN and DEVIATION."""
    variance = sigma.view(-1, 1, 1, 1) ** 2
    return (DEVIATION**2 * z + variance * MEAN) / (DEVIATION**2 + variance)


def data(count: int) -> Tensor:
    x = MEAN + DEVIATION * torch.randn(count, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    return x.clamp(-1, 1).add(1).mul(127.5).round().div(127.5).sub(1)


def test_what_diffusion_costs_is_the_integral_of_the_least_error() -> None:
    cost = diffused(denoise, data(200), torch.Generator().manual_seed(1), sigma_min=SIGMA_MIN, sigma_max=SIGMA_MAX)

    def integral(sigma: float) -> float:
        # E |x - D|^2 = s^2 sigma^2 / (s^2 + sigma^2) for every number, over sigma^2, with respect to ln(sigma).
        return math.log(sigma) - math.log(DEVIATION**2 + sigma**2) / 2

    prior = (MEAN**2 + DEVIATION**2) / (2 * SIGMA_MAX**2)
    exact = SIZE * (integral(SIGMA_MAX) - integral(SIGMA_MIN) + prior)
    assert float(cost.mean()) == pytest.approx(exact, rel=0.01)


def test_it_is_a_bound_and_nearly_tight_where_the_denoiser_is_exact() -> None:
    """The entropy of a Gaussian in intensities is what an exact model pays."""
    x = data(200)
    bound = log_likelihood_of_images(denoise, x, torch.Generator().manual_seed(1))
    exact = -SIZE * math.log(DEVIATION * math.sqrt(2 * math.pi * math.e) * 127.5)
    assert bound.dtype == torch.float32 and bound.shape == (200,)
    assert exact - 0.7 * SIZE < float(bound.mean()) < exact


def test_a_known_background_costs_next_to_nothing_and_a_wrong_one_a_finite_sum() -> None:
    black = torch.full((4, 3, 8, 8), -1.0)

    def sure(z: Tensor, sigma: Tensor) -> Tensor:
        return torch.full_like(z, -1.0)

    def wrong(z: Tensor, sigma: Tensor) -> Tensor:
        return torch.full_like(z, 1.0)

    bound, worse = (log_likelihood_of_images(d, black, torch.Generator().manual_seed(1)) for d in (sure, wrong))
    assert float(bound.min()) / black[0].numel() > -0.5
    assert bool(worse.isfinite().all()) and bool((worse < bound).all())
