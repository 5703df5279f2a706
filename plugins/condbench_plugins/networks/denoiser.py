"""From an estimate of the data at every noise level to samples and a likelihood: shared by flow, diffusion and others.

z = data + sigma * noise. Whoever estimates the data from z can run noise backwards into data (Song et al. 2021,
arXiv:2011.13456), whatever it was that the network learned.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from itertools import pairwise

import torch
from torch import Tensor

from condbench.conditioning import Condition
from condbench.model import ScoreModel
from condbench_plugins.networks.bound import log_likelihood_of_images
from condbench_plugins.networks.guidance import EVERYWHERE, Interval
from condbench_plugins.networks.layers import Conv2d
from condbench_plugins.networks.optimizers import muon_and_adamw

SIGMA_MAX = 80.0
"""The noise level that the sampler starts from; data are of order one."""
_SIGMA_MIN, _RHO = 0.04, 7.0


class Denoiser(ScoreModel):
    """A model with an estimate of the data at every noise level, which a subclass learns.

    Args:
        shape: of the data, without the batch.
        steps: of the sampler, one network evaluation each.
        temperature: the deviation of all noise that samples are made of, as a multiple of what it is in training.
        guidance: the scale of classifier-free guidance; 1 is none.
        interval: the noise levels at which sampling is guided.
    """

    batch_size = 32
    likelihood = "lower bound (ELBO)"

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        steps: int,
        temperature: float = 1.0,
        guidance: float = 1.0,
        interval: Interval = EVERYWHERE,
    ) -> None:
        super().__init__()
        self.shape, self.steps = shape, steps
        self.temperature, self.guidance, self.interval = temperature, guidance, interval

    @abstractmethod
    def estimate(self, z: Tensor, sigma: Tensor, u: Condition, scale: float = 1.0) -> Tensor:
        """The network's E[data | z, u]: z (B, *shape), noise levels (B,) -> (B, *shape), guided by ``scale``."""

    def optimizers(self, phase: str) -> list[torch.optim.Optimizer]:
        """Muon on the hidden convolutions, AdamW on the rest."""
        return muon_and_adamw(self, self.phase_parameters(phase), muon_lr=0.01, layers=(Conv2d,))

    def denoise(self, z: Tensor, sigma: Tensor, u: Condition, scale: float = 1.0) -> Tensor:
        """The estimate, steered by `guide` if there is one."""
        data = self.estimate(z, sigma, u, scale)
        if self.guide is not None:
            data = data + like(sigma, z) ** 2 * self.guide(z, sigma, u)
        return data

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """SDE-DPM-Solver++(2M) (Lu et al. 2022, arXiv:2211.01095), one network evaluation a step.

        A step of h in ln(1 / sigma) interpolates between z and an estimate of the data that is extrapolated from the
        last two, then puts fresh noise in for a part of the old: with that goes what earlier steps got wrong. All noise
        may have a reduced temperature (Kingma & Dhariwal 2018, arXiv:1807.03039, section 6).
        """
        sigmas = noise_levels(self.steps)
        z = sigmas[0] * self._noise(len(u), generator)
        data = self._guided(z, sigmas[0], u)
        trend = torch.zeros_like(data)
        for sigma, sigma_next in pairwise(sigmas):
            h = math.log(sigma / sigma_next)
            z = torch.lerp(data + h / 2 * trend, z, math.exp(-2 * h))
            z = z + sigma_next * math.sqrt(1 - math.exp(-2 * h)) * self._noise(len(u), generator)
            earlier, data = data, self._guided(z, sigma_next, u)
            trend = (data - earlier) / h
        return data

    def log_likelihood(self, x: Tensor, u: Condition, generator: torch.Generator) -> Tensor:
        """The bound of `condbench_plugins.networks.bound` for images; guidance by scale is left out."""
        return log_likelihood_of_images(lambda z, sigma: self.denoise(z, sigma, u), x, generator)

    def _guided(self, z: Tensor, sigma: float, u: Condition) -> Tensor:
        """The sampler's estimate of the data at one noise level."""
        return self.denoise(z, z.new_full((len(z),), sigma), u, self.interval.scale(sigma, self.guidance))

    def _noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Noise of the sampler's temperature, (count, *shape)."""
        return self.temperature * torch.randn(count, *self.shape, generator=generator, device=generator.device)


def noise_levels(steps: int) -> list[float]:
    """The sampler's noise levels, from the largest to the smallest (Karras et al. 2022, arXiv:2206.00364, eq. 5)."""
    high, low = SIGMA_MAX ** (1 / _RHO), _SIGMA_MIN ** (1 / _RHO)
    return [(high + i / (steps - 1) * (low - high)) ** _RHO for i in range(steps)]


def like(sigma: Tensor, x: Tensor) -> Tensor:
    """Noise levels or times (B,) with as many dimensions as x."""
    return sigma.view(-1, *[1] * (x.ndim - 1))
