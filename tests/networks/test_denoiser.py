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

    def __init__(self, **settings: float) -> None:
        super().__init__((1, 16, 16), **settings)  # type: ignore[arg-type]
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


def test_the_extrapolation_makes_it_second_order() -> None:
    """The mean of samples, a deterministic equation's solution, comes four times nearer with half the step."""

    def error(steps: int) -> float:
        model = Gaussian(steps=steps, temperature=1e-8)
        sigma = noise_levels(2)[1]
        x = float(model.sample(U, torch.Generator().manual_seed(0)).mean())
        # From z = 0 at the largest noise level the mean obeys dz = 2 (z - D) dln(sigma): z - MEAN scales as below.
        high, low = DEVIATION**2 + SIGMA_MAX**2, DEVIATION**2 + sigma**2
        z = MEAN - MEAN * low / high
        exact = (DEVIATION**2 * z + sigma**2 * MEAN) / low
        return abs(x - exact)

    assert error(48) < error(24) / 2.5
