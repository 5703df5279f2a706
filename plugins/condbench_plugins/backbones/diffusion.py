"""Diffusion: a denoiser at every noise level, in the design of Karras et al. 2022 ("EDM", arXiv:2206.00364).

x = data + sigma * noise. `build` is what the registry names.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Condition, Wrap
from condbench.model import Model
from condbench.specs import Task
from condbench_plugins.networks.guidance import guided
from condbench_plugins.networks.optimizers import muon_and_adamw
from condbench_plugins.networks.unet import UNet
from condbench_plugins.options import DiffusionOptions

_SIGMA_DATA = 0.5  # deviation of images in [-1, 1], about
_SIGMA_MIN, _SIGMA_MAX, _RHO = 0.02, 40.0, 7.0  # the sampler's noise levels
_LOG_SIGMA_MEAN, _LOG_SIGMA_DEVIATION = -0.4, 1.2  # the noise levels trained on


class Diffusion(Model):
    """A denoiser D(x, sigma, u) around a network F of unit scale, which is called as ``F(x, t, u=u)``."""

    batch_size = 32

    def __init__(self, net: nn.Module, shape: tuple[int, ...], options: DiffusionOptions) -> None:
        super().__init__()
        self.net, self.shape, self.options = net, shape, options

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """E |F - target|^2: the denoising error, weighted so that it has unit scale at every level (EDM, eq. 8)."""
        sigma = (_LOG_SIGMA_MEAN + _LOG_SIGMA_DEVIATION * torch.randn(len(x), device=x.device)).exp()
        noisy = x + sigma[:, None, None, None] * torch.randn_like(x)
        skip, out = _skip_and_out(sigma)
        return F.mse_loss(self._network(noisy, sigma, u, scale=1.0), (x - skip * noisy) / out)

    def optimizers(self, phase: str) -> list[torch.optim.Optimizer]:
        """Muon on the hidden weights, AdamW on the rest."""
        return muon_and_adamw(self, self.parameters())

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """DPM-Solver++(2M) (Lu et al. 2022, arXiv:2211.01095, algorithm 2), one network evaluation a step.

        With alpha = 1 and h the step in log(1 / sigma), its update is an interpolation between x and an estimate
        of the data that is extrapolated from the last two.
        """
        sigmas = noise_levels(self.options.steps, generator.device)
        x = sigmas[0] * torch.randn(len(u), *self.shape, generator=generator, device=generator.device)
        steps = (sigmas[:-1] / sigmas[1:]).log()
        data = self._denoise(x, sigmas[0], u)
        trend = torch.zeros_like(data)
        for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
            x = torch.lerp(data + steps[i] / 2 * trend, x, sigma_next / sigma)
            earlier, data = data, self._denoise(x, sigma_next, u)
            trend = (data - earlier) / steps[i]
        return data

    def _denoise(self, x: Tensor, sigma: Tensor, u: Condition) -> Tensor:
        """D(x, sigma, u) = c_skip x + c_out F (EDM, eq. 7). It is affine in F, so guiding F guides D."""
        sigma = sigma.expand(len(x))
        skip, out = _skip_and_out(sigma)
        return skip * x + out * self._network(x, sigma, u, self.options.guidance)

    def _network(self, x: Tensor, sigma: Tensor, u: Condition, scale: float) -> Tensor:
        """F(c_in x, c_noise, u) (EDM, table 1)."""
        unit = x / (sigma**2 + _SIGMA_DATA**2).sqrt()[:, None, None, None]
        return guided(self.net, unit, sigma.log() / 4, u, scale)


def _skip_and_out(sigma: Tensor) -> tuple[Tensor, Tensor]:
    """The coefficients c_skip and c_out of the denoiser at noise levels (B,) (EDM, table 1): (B, 1, 1, 1) each."""
    sigma = sigma[:, None, None, None]
    variance = sigma**2 + _SIGMA_DATA**2
    return _SIGMA_DATA**2 / variance, sigma * _SIGMA_DATA / variance.sqrt()


def noise_levels(steps: int, device: torch.device) -> Tensor:
    """The sampler's noise levels from the largest to the smallest (EDM, eq. 5): (steps,)."""
    ends = _SIGMA_MAX ** (1 / _RHO), _SIGMA_MIN ** (1 / _RHO)
    return torch.linspace(*ends, steps, device=device) ** _RHO


def build(task: Task, wrap: Wrap, options: DiffusionOptions) -> Diffusion:
    """A denoiser of the task's images."""
    shape = task.target.shape
    return Diffusion(wrap(UNet(shape, options.width)), shape, options)
