"""A normalizing flow: an invertible network from noisy images to Gaussian noise, trained on their exact density.

Dinh et al. 2017, arXiv:1605.08803; Yu et al. 2020, arXiv:2010.13821. Images lie near a thin sheet among all arrays of
pixels, where a flow learns a density badly. So it learns images with some Gaussian noise, and the score of its own
density takes the noise off its samples (Zhai et al. 2024, arXiv:2412.06329). `build` is what the registry names.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from condbench.conditioning import Condition, Conditioned, Wrap
from condbench.model import Model
from condbench.specs import Task
from condbench_plugins.networks.bound import log_probability
from condbench_plugins.networks.wavelet_flow import WaveletFlow
from condbench_plugins.options import NfOptions

_LOG_2_PI = math.log(2 * math.pi)


class NormalizingFlow(Model):
    """log p(y|u) = log N(f(y, u)) + log |det df/dy|, with y an image with noise.

    Args:
        net: f, called as ``f(y, u=u)``; gives noise (B, numbers) and log |det| (B,); ``inverse=True`` undoes it.
        shape: (C, H, W) of the images.
        noise: the deviation of the noise on images.
        temperature: the deviation of the Gaussian that samples are made of.
    """

    batch_size = 64
    likelihood = "lower bound (exact density of noisy images)"

    def __init__(self, net: Conditioned, shape: tuple[int, ...], noise: float, temperature: float) -> None:
        super().__init__()
        self.net, self.size, self.noise, self.temperature = net, math.prod(shape), noise, temperature

    def log_density(self, y: Tensor, u: Condition) -> Tensor:
        """log p(y|u) of images with noise (B, C, H, W): (B,) nats, exact."""
        z, log_volume = self.net(y, u=u)
        log_density: Tensor = log_volume - 0.5 * (z.square() + _LOG_2_PI).sum(1)
        return log_density

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """-log2 p(y|u), in bits per number."""
        y = x + self.noise * torch.randn_like(x)
        return -self.log_density(y, u).mean() / (self.size * math.log(2))

    def optimizers(self, phase: str) -> list[torch.optim.Optimizer]:
        """AdamW: Muon's arithmetic depends on the size of a matrix only, and every layer here sees a single vector."""
        return [torch.optim.AdamW(self.parameters(), lr=2e-3, betas=(0.9, 0.99), weight_decay=0.0, fused=True)]

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """Noise through the inverse, then the noise that images had in training taken off."""
        z = torch.randn(len(u), self.size, generator=generator, device=generator.device)
        y, _ = self.net(self.temperature * z, u=u, inverse=True)
        return self._denoise(y, u)[0]

    def log_likelihood(self, x: Tensor, u: Condition, generator: torch.Generator) -> Tensor:
        """E log p(y|u) - log N(y; x, noise^2) + log P(x | y denoised), over y = x + noise.

        The variational bound of the model that `sample` draws from at temperature 1: y by the flow, then an image by a
        decoder around the denoised y, pixel by pixel.
        """
        noise = torch.randn(x.shape, generator=generator, device=x.device)
        denoised, log_density = self._denoise(x + self.noise * noise, u)
        log_posterior = -0.5 * (noise.square() + _LOG_2_PI).flatten(1).sum(1) - self.size * math.log(self.noise)
        return log_density - log_posterior + log_probability(x, denoised)

    def _denoise(self, y: Tensor, u: Condition) -> tuple[Tensor, Tensor]:
        """E[x | y] = y + noise^2 d log p(y|u) / dy (Tweedie's formula), and log p(y|u)."""
        with torch.inference_mode(False), torch.enable_grad():
            u = Condition(tuple(part.clone() for part in u.parts), u.kept.clone())
            y = y.detach().clone().requires_grad_()
            log_density = self.log_density(y.view_as(y), u)
            (score,) = torch.autograd.grad(log_density.sum(), y)
        return y.detach() + self.noise**2 * score, log_density.detach()


def build(task: Task, wrap: Wrap, options: NfOptions) -> NormalizingFlow:
    """A flow of images whose height and width are divisible by 4."""
    shape = task.target.shape
    net = wrap(WaveletFlow(shape, options.width, options.fine_width))
    return NormalizingFlow(net, shape, options.noise, options.temperature)
