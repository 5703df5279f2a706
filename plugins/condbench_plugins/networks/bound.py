"""How likely data are under a diffusion: the variational lower bound in continuous time.

Kingma et al. 2021 ("Variational diffusion models", arXiv:2107.00630), written for z = data + sigma * noise. Whatever
was trained as a denoiser or a velocity is such a model (Kingma & Gao 2023, arXiv:2303.00848), so flow and diffusion
share this. Everything is in nats per sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

Denoise = Callable[[Tensor, Tensor], Tensor]
"""``denoise(z, sigma)``: an estimate of the data from z (B, *shape) at noise levels (B,)."""

_LEVELS = 6  # noise levels looked at per sample

# Between these noise levels an image is told by diffusion; what is left at the lower end, a decoder tells.
_SIGMA_MIN, _SIGMA_MAX = 0.02, 40.0

# The decoder's deviations: one intensity's width where the denoiser knows a pixel, more where it does not.
_INTENSITY = 2 / 255
_DEVIATIONS = (0.5 * _INTENSITY, 2 * _INTENSITY, 8 * _INTENSITY)


def log_likelihood_of_images(denoise: Denoise, x: Tensor, generator: torch.Generator) -> Tensor:
    """A lower bound of log P(x) for images (B, C, H, W) of 256 intensities in [-1, 1]: (B,) nats.

    `diffused` takes an image down to z with little noise; a decoder then names each pixel's intensity.
    """
    levels = torch.full((len(x),), _SIGMA_MIN, device=x.device)
    painted = log_probability(x, denoise(_noisy(x, levels, generator), levels))
    return painted - diffused(denoise, x, generator, sigma_min=_SIGMA_MIN, sigma_max=_SIGMA_MAX)


def diffused(denoise: Denoise, x: Tensor, generator: torch.Generator, *, sigma_min: float, sigma_max: float) -> Tensor:
    """What it costs to say z at ``sigma_min``, starting from noise of ``sigma_max``: (B,) nats (eq. 11 and 15).

    The diffusion loss is the integral of E |x - D|^2 / sigma^2 over ln(sigma), estimated at levels that are random
    within equal strata, each sample with its own; the prior N(0, sigma_max^2) adds its divergence.
    """
    width = math.log(sigma_max / sigma_min) / _LEVELS
    total = x.flatten(1).square().sum(1) / (2 * sigma_max**2)
    for stratum in range(_LEVELS):
        place = stratum + torch.rand(len(x), generator=generator, device=x.device)
        sigma = sigma_min * (width * place).exp()
        error = x - denoise(_noisy(x, sigma, generator), sigma)
        total += width * error.flatten(1).square().sum(1) / sigma**2
    return total


def log_probability(x: Tensor, centre: Tensor) -> Tensor:
    """log P(x) of images (B, C, H, W) of 256 intensities, painted around ``centre`` (B, C, H, W): (B,) nats.

    Pixel by pixel a mixture of three discretised Gaussians. Any decoder gives a bound. One around the denoised z, not
    around z itself, need not pay for telling the noise from a background that is known to be black.
    """
    edges = torch.stack([x - _INTENSITY / 2, x + _INTENSITY / 2])
    # All that lies beyond black and white counts as black and white.
    edges[0][x < -1 + _INTENSITY / 2] = -math.inf
    edges[1][x > 1 - _INTENSITY / 2] = math.inf
    # Far on one side of the centre both values are near 1 and their difference rounds to 0; the other side is exact.
    distance = torch.where(x > centre, -(edges.flip(0) - centre), edges - centre)
    parts = [torch.special.ndtr(distance[1] / s) - torch.special.ndtr(distance[0] / s) for s in _DEVIATIONS]
    # A uniform share keeps the logarithm finite where the denoiser is far off.
    share = 1e-3
    mixture = (1 - share) * torch.stack(parts).mean(0) + share / 256
    return mixture.log().flatten(1).sum(1)


def _noisy(x: Tensor, sigma: Tensor, generator: torch.Generator) -> Tensor:
    """x plus noise of levels (B,)."""
    noise = torch.randn(x.shape, generator=generator, device=x.device)
    return x + sigma.view(-1, *[1] * (x.ndim - 1)) * noise
