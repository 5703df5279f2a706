"""Steering flow and diffusion: guidance within its interval, Bayes' rule by a guide, bounds of the likelihood."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from condbench.conditioning import Condition
from condbench.model import ScoreModel
from condbench_plugins.backbones.diffusion import Diffusion
from condbench_plugins.backbones.flow import Flow
from condbench_plugins.networks.guidance import Interval

MEAN, DEVIATION = -0.2, 0.3
SHAPE = (1, 16, 16)


def estimate(z: Tensor, sigma: Tensor) -> Tensor:
    """E[data | z] for data of MEAN and DEVIATION."""
    return (DEVIATION**2 * z + sigma**2 * MEAN) / (DEVIATION**2 + sigma**2)


class Exact(nn.Module):
    """The exact network of either family. It notes the size of each batch it sees, by the noise level."""

    def __init__(self, family: str) -> None:
        super().__init__()
        self.family = family
        self.seen: dict[float, int] = {}

    def forward(self, x: Tensor, t: Tensor, u: Condition) -> Tensor:
        t = t.view(-1, 1, 1, 1)
        sigma = (4 * t).exp() if self.family == "diffusion" else (1 - t) / t
        self.seen[round(float(sigma[0]), 4)] = len(x)
        if self.family == "flow":
            variance = t**2 * DEVIATION**2 + (1 - t) ** 2
            return MEAN + (t * DEVIATION**2 - (1 - t)) / variance * (x - t * MEAN)
        total = sigma**2 + 1
        z = x * total.sqrt()
        return (estimate(z, sigma) - z / total) * total.sqrt() / sigma


def exact(family: str, **settings: object) -> ScoreModel:
    return (Diffusion if family == "diffusion" else Flow)(Exact(family), SHAPE, **settings)  # type: ignore[arg-type]


U = Condition.of(torch.zeros(8, dtype=torch.long))


@pytest.mark.parametrize("family", ["diffusion", "flow"])
def test_guidance_costs_a_second_evaluation_within_its_interval_only(family: str) -> None:
    model = exact(family, steps=12, guidance=2.0, interval=Interval(0.12, 2.1))
    for expected in (16, 8):
        seen = model.get_submodule("net" if family == "diffusion" else "velocity").seen
        assert isinstance(seen, dict)
        model.sample(U, torch.Generator().manual_seed(0))
        assert {size for sigma, size in seen.items() if 0.12 <= sigma <= 2.1} == {expected}
        assert {size for sigma, size in seen.items() if not 0.12 <= sigma <= 2.1} == {8}
        model.guidance = 1.0  # read at every call


@pytest.mark.parametrize("family", ["diffusion", "flow"])
def test_a_guide_turns_the_prior_into_the_posterior(family: str) -> None:
    """u says what the data are but for a Gaussian error: the samples' mean and deviation follow from Bayes' rule."""
    observed, error = 2.0, 0.4

    def guide(z: Tensor, sigma: Tensor, u: Condition) -> Tensor:
        sigma = sigma.view(-1, 1, 1, 1)
        assert len(sigma) == len(z) == len(u)
        share = DEVIATION**2 / (DEVIATION**2 + sigma**2)  # of the estimate's gradient
        return (observed - estimate(z, sigma)) / (share * sigma**2 + error**2) * share

    model = exact(family, steps=64)
    model.guide = guide
    x = model.sample(U, torch.Generator().manual_seed(0))
    share = DEVIATION**2 / (DEVIATION**2 + error**2)
    assert float(x.mean()) == pytest.approx(MEAN + share * (observed - MEAN), abs=0.02)
    assert float(x.std()) == pytest.approx(error * share**0.5, abs=0.01)


@pytest.mark.parametrize("family", ["diffusion", "flow"])
def test_training_sees_data_plus_noise_of_the_level_it_says(family: str) -> None:
    torch.manual_seed(0)
    x = torch.full((4096, *SHAPE), 0.5)
    z, sigma = exact(family, steps=2).noised(x)
    noise = (z - x) / sigma.view(-1, 1, 1, 1)
    assert float(noise.mean()) == pytest.approx(0, abs=0.01)
    assert float(noise.std()) == pytest.approx(1, abs=0.01)
    assert 0.2 < float(sigma.median()) < 2


def test_both_families_bound_the_likelihood_alike() -> None:
    x = (MEAN + DEVIATION * torch.randn(64, *SHAPE, generator=torch.Generator().manual_seed(1))).clamp(-1, 1)
    x = x.add(1).mul(127.5).round().div(127.5).sub(1)
    u = Condition.of(torch.zeros(64, dtype=torch.long))
    flow, diffusion = (
        float(exact(family, steps=2).log_likelihood(x, u, torch.Generator().manual_seed(2)).mean())
        for family in ("flow", "diffusion")
    )
    assert flow == pytest.approx(diffusion, rel=0.01)
