"""Diffusion: a denoiser at every noise level, in the design of Karras et al. 2022 ("EDM", arXiv:2206.00364).

z = data + sigma * noise. `Diffusion` takes any network and data of any shape; `build`, which the registry names, gives
it a U-Net on images.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Condition, Wrap
from condbench.specs import Task
from condbench_plugins.networks.denoiser import Denoiser, like
from condbench_plugins.networks.guidance import EVERYWHERE, Interval, guided
from condbench_plugins.networks.unet import UNet
from condbench_plugins.options import DiffusionOptions

# What an image is, and of which class, is decided where noise is about as strong as the data, or a little stronger.
_LOG_SIGMA_MEAN, _LOG_SIGMA_DEVIATION = 0.5, 0.8


class Diffusion(Denoiser):
    """A denoiser D(z, sigma, u) around a network F of unit scale, which is called as ``F(z, t, u=u)``.

    Data have a root mean square of about one: EDM's sigma_data, which need not be a deviation, is 1. Most pixels of
    digits are -1; counting their deviation only, training would spend itself on the background.

    Args:
        net: F, which maps (B, *shape) at noise levels (B,), as ln(sigma) / 4, to (B, *shape).
        shape: of the data, without the batch.
        steps, temperature, guidance, interval: see `Denoiser`.
        log_sigma_mean: of ln(sigma) in training: where most of it goes.
    """

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
        super().__init__(shape, steps=steps, temperature=temperature, guidance=guidance, interval=interval)
        self.net, self.log_sigma_mean = net, log_sigma_mean

    def noised(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Noise levels are log-normal: most of training goes where there is most to learn (EDM, section 5)."""
        normal = torch.randn(len(x), device=x.device)
        sigma = (self.log_sigma_mean + _LOG_SIGMA_DEVIATION * normal).exp()
        return x + like(sigma, x) * torch.randn_like(x), sigma

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """E |F - target|^2: the denoising error, weighted so that it has unit scale at every level (EDM, eq. 8)."""
        z, sigma = self.noised(x)
        skip, out = self._skip_and_out(like(sigma, z))
        return F.mse_loss(self._network(z, sigma, u, scale=1.0), (x - skip * z) / out)

    def estimate(self, z: Tensor, sigma: Tensor, u: Condition, scale: float = 1.0) -> Tensor:
        """D(z, sigma, u) = c_skip z + c_out F (EDM, eq. 7); it is affine in F, so that guiding F guides D."""
        skip, out = self._skip_and_out(like(sigma, z))
        return skip * z + out * self._network(z, sigma, u, scale)

    def _network(self, z: Tensor, sigma: Tensor, u: Condition, scale: float) -> Tensor:
        """F(c_in z, c_noise, u) (EDM, table 1)."""
        unit = z / (like(sigma, z) ** 2 + 1).sqrt()
        return guided(self.net, unit, sigma.log() / 4, u, scale)

    def _skip_and_out(self, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """The coefficients c_skip and c_out of the denoiser (EDM, table 1), in the shape of ``sigma``."""
        square = sigma**2 + 1
        return 1 / square, sigma / square.sqrt()


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
