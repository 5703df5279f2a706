"""Diffusion: a denoiser at every noise level, in the design of Karras et al. 2022 ("EDM", arXiv:2206.00364).

z = data + sigma * noise. `Diffusion` takes any network and data of any shape; `build`, which the registry names, gives
it a U-Net on images.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Condition, Wrap
from condbench.model import ScoreModel
from condbench.specs import Task
from condbench_plugins.networks.bound import log_likelihood_of_images
from condbench_plugins.networks.guidance import EVERYWHERE, Interval, guided
from condbench_plugins.networks.layers import Conv2d
from condbench_plugins.networks.optimizers import muon_and_adamw
from condbench_plugins.networks.unet import UNet
from condbench_plugins.options import DiffusionOptions

# The sampler's noise levels.
_SIGMA_MIN, _SIGMA_MAX, _RHO = 0.04, 80.0, 7.0
_LOG_SIGMA_DEVIATION = 1.0
# What an image is, and of which class, is decided where noise is stronger than the data.
_LOG_SIGMA_MEAN = 0.5


class Diffusion(ScoreModel):
    """A denoiser D(z, sigma, u) around a network F of unit scale, which is called as ``F(z, t, u=u)``.

    Data have a root mean square of about one: EDM's sigma_data, which need not be a deviation, is 1. Most pixels of
    digits are -1; counting their deviation only, training would spend itself on the background.

    Args:
        net: F, which maps (B, *shape) at noise levels (B,), as ln(sigma) / 4, to (B, *shape).
        shape: of the data, without the batch.
        steps: of the sampler, one network evaluation each.
        temperature: the deviation of the noise that samples are made of, as a multiple of its deviation in training.
        guidance: the scale of classifier-free guidance; 1 is none.
        interval: the noise levels at which sampling is guided.
        log_sigma_mean: of ln(sigma) in training: where most of it goes.
    """

    batch_size = 32
    likelihood = "lower bound (ELBO)"

    def __init__(
        self,
        net: nn.Module,
        shape: tuple[int, ...],
        *,
        steps: int,
        temperature: float = 1.0,
        guidance: float = 1.0,
        interval: Interval = EVERYWHERE,
        log_sigma_mean: float = _LOG_SIGMA_MEAN,
    ) -> None:
        super().__init__()
        self.net, self.shape, self.steps = net, shape, steps
        self.temperature, self.guidance, self.interval = temperature, guidance, interval
        self.log_sigma_mean = log_sigma_mean

    def noised(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Noise levels are log-normal: most of training goes where there is most to learn (EDM, section 5)."""
        normal = torch.randn(len(x), device=x.device)
        sigma = (self.log_sigma_mean + _LOG_SIGMA_DEVIATION * normal).exp()
        return x + _like(sigma, x) * torch.randn_like(x), sigma

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """E |F - target|^2: the denoising error, weighted so that it has unit scale at every level (EDM, eq. 8)."""
        z, sigma = self.noised(x)
        skip, out = self._skip_and_out(_like(sigma, z))
        return F.mse_loss(self._network(z, sigma, u, scale=1.0), (x - skip * z) / out)

    def optimizers(self, phase: str) -> list[torch.optim.Optimizer]:
        """Muon on the hidden convolutions, AdamW on the rest."""
        return muon_and_adamw(self, self.phase_parameters(phase), muon_lr=0.01, layers=(Conv2d,))

    def denoise(self, z: Tensor, sigma: Tensor, u: Condition, scale: float = 1.0) -> Tensor:
        """D(z, sigma, u) = c_skip z + c_out F (EDM, eq. 7) at noise levels (B,), steered by `guide` if there is one.

        D is affine in F, so that guiding F by ``scale`` guides D.
        """
        skip, out = self._skip_and_out(_like(sigma, z))
        data = skip * z + out * self._network(z, sigma, u, scale)
        if self.guide is not None:
            data = data + _like(sigma, z) ** 2 * self.guide(z, sigma, u)
        return data

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """DPM-Solver++(2M) (Lu et al. 2022, arXiv:2211.01095, algorithm 2), one network evaluation a step.

        With alpha = 1 and h the step in log(1 / sigma), its update is an interpolation between z and an estimate
        of the data that is extrapolated from the last two. The noise may have a reduced temperature (Kingma & Dhariwal
        2018, arXiv:1807.03039, section 6).
        """
        sigmas = self.noise_levels(self.steps)
        noise = torch.randn(len(u), *self.shape, generator=generator, device=generator.device)
        z = self.temperature * sigmas[0] * noise
        data = self._guided(z, sigmas[0], u)
        trend = torch.zeros_like(data)
        for sigma, sigma_next in pairwise(sigmas):
            step = math.log(sigma / sigma_next)
            z = torch.lerp(data + step / 2 * trend, z, sigma_next / sigma)
            earlier, data = data, self._guided(z, sigma_next, u)
            trend = (data - earlier) / step
        return data

    def log_likelihood(self, x: Tensor, u: Condition, generator: torch.Generator) -> Tensor:
        """The bound of `condbench_plugins.networks.bound` for images; guidance by scale is left out."""
        return log_likelihood_of_images(lambda z, sigma: self.denoise(z, sigma, u), x, generator)

    def noise_levels(self, steps: int) -> list[float]:
        """The sampler's noise levels, from the largest to the smallest (EDM, eq. 5)."""
        high, low = _SIGMA_MAX ** (1 / _RHO), _SIGMA_MIN ** (1 / _RHO)
        return [(high + i / (steps - 1) * (low - high)) ** _RHO for i in range(steps)]

    def _guided(self, z: Tensor, sigma: float, u: Condition) -> Tensor:
        """The sampler's estimate of the data at one noise level."""
        return self.denoise(z, z.new_full((len(z),), sigma), u, self.interval.scale(sigma, self.guidance))

    def _network(self, z: Tensor, sigma: Tensor, u: Condition, scale: float) -> Tensor:
        """F(c_in z, c_noise, u) (EDM, table 1)."""
        unit = z / (_like(sigma, z) ** 2 + 1).sqrt()
        return guided(self.net, unit, sigma.log() / 4, u, scale)

    def _skip_and_out(self, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """The coefficients c_skip and c_out of the denoiser (EDM, table 1), in the shape of ``sigma``."""
        square = sigma**2 + 1
        return 1 / square, sigma / square.sqrt()


def _like(sigma: Tensor, x: Tensor) -> Tensor:
    """Noise levels (B,) with as many dimensions as x."""
    return sigma.view(-1, *[1] * (x.ndim - 1))


def build(task: Task, wrap: Wrap, options: DiffusionOptions) -> Diffusion:
    """A denoiser of the task's images."""
    shape = task.target.shape
    return Diffusion(
        wrap(UNet(shape, options.width, options.deep_width, options.blocks)),
        shape,
        steps=options.steps,
        temperature=options.temperature,
        guidance=options.guidance,
        interval=Interval(options.guidance_low, options.guidance_high),
    )
