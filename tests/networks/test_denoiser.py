"""The sampler of flow and diffusion, with an exact estimate in closed form: what it draws, and what it asks for."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from condbench.conditioning import Condition
from condbench_plugins.backbones.diffusion import Diffusion
from condbench_plugins.backbones.flow import Flow
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


class Drifting(Gaussian):
    """An estimate that grows with ln(1 / sigma), whatever z is; it notes the z and the scales that it is asked for."""

    def __init__(self, guidance: float = 1.0) -> None:
        super().__init__(steps=12, temperature=0.0)
        self.guidance = guidance
        self.seen: list[float] = []
        self.scales: set[float] = set()

    def estimate(self, z: Tensor, sigma: Tensor, u: Condition, scale: float = 1.0) -> Tensor:
        self.seen.append(float(z[0, 0, 0, 0]))
        self.scales.add(scale)
        return -sigma.log().view(-1, 1, 1, 1).expand_as(z)


def test_a_step_uses_the_estimate_of_its_middle() -> None:
    """Steps are of different sizes, and the last two estimates are as far apart as the step between them was."""
    model = Drifting()
    model.sample(U, torch.Generator())
    z, expected = 0.0, [0.0]
    for index, (sigma, sigma_next) in enumerate(pairwise(noise_levels(12))):
        kept = (sigma_next / sigma) ** 2
        middle = -math.log(sigma) if index == 0 else -math.log(sigma * sigma_next) / 2
        z = kept * z + (1 - kept) * middle
        expected.append(z)
    assert model.seen == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_samples_are_guided_and_the_likelihood_is_not() -> None:
    model = Drifting(guidance=3.0)
    model.sample(U, torch.Generator())
    assert model.scales == {3.0}
    model.scales.clear()
    model.log_likelihood(torch.zeros(2, 1, 16, 16), Condition.of(torch.zeros(2, dtype=torch.long)), torch.Generator())
    assert model.scales == {1.0}


@pytest.mark.parametrize("kind", [Flow, Diffusion])
def test_training_is_where_noise_is_a_little_stronger_than_data(kind: type[Flow] | type[Diffusion]) -> None:
    """Digits in [-1, 1] have a root mean square of one; half of the noise levels lie near it."""
    torch.manual_seed(0)
    _, sigma = kind(torch.nn.Identity(), (1, 1, 1), steps=2).noised(torch.zeros(4096, 1, 1, 1))
    low, middle, high = sigma.quantile(torch.tensor([0.25, 0.5, 0.75])).tolist()
    assert 1.3 < middle < 2 and low > 0.5 and high < 4


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
