"""Latent diffusion: first an autoencoder makes images small, then a diffusion learns what the small ones look like.

Rombach et al. 2022, arXiv:2112.10752. The two stages share one budget. The autoencoder is unconditional and stays as it
is once the second stage has begun; all that u can change is which latents the diffusion draws. A latent has an eighth
of a digit's numbers, so each step of training and of sampling is cheap.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Condition, Wrap
from condbench.model import ScoreModel
from condbench.specs import Task
from condbench_plugins.backbones.diffusion import Diffusion
from condbench_plugins.networks.autoencoder import Autoencoder
from condbench_plugins.networks.bound import diffused
from condbench_plugins.networks.denoiser import SIGMA_MAX
from condbench_plugins.networks.guidance import Interval
from condbench_plugins.networks.intensities import IntensityTable
from condbench_plugins.networks.latent_unet import LatentUNet
from condbench_plugins.networks.layers import Conv2d
from condbench_plugins.networks.optimizers import muon_and_adamw
from condbench_plugins.options import LatentDiffusionOptions

_AUTOENCODER_BATCH = 16  # it learns most per image in small steps, the diffusion in large ones
_LOG_SIGMA_MEAN = 0.8  # a latent has fewer numbers than an image, so the class is decided under more noise


class LatentDiffusion(ScoreModel):
    """P(x|u) as the integral over latents z of P(x|z) P(z|u): a decoder, and a diffusion."""

    batch_size = 64
    likelihood = "lower bound (ELBO)"

    def __init__(self, task: Task, wrap: Wrap, options: LatentDiffusionOptions) -> None:
        super().__init__()
        self.autoencoder_share, self.noise = options.autoencoder_share, options.noise
        self.autoencoder = Autoencoder(task.target.shape, options.latent_channels, options.autoencoder_width)
        self.intensities = IntensityTable()
        shape = self.autoencoder.latent_shape
        self.diffusion = Diffusion(
            wrap(LatentUNet(shape, options.width, options.vector_width)),
            shape,
            steps=options.steps,
            temperature=options.temperature,
            interval=Interval(options.guidance_low, options.guidance_high),
            log_sigma_mean=_LOG_SIGMA_MEAN,
        )
        self.guidance = options.guidance

    def phases(self, progress: float) -> tuple[str, ...]:
        """First the autoencoder, then the diffusion of its latents."""
        return ("autoencoder",) if progress < self.autoencoder_share else ("diffusion",)

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """Of the autoencoder: nats per image, intensities being read as probabilities of ink. Then the diffusion's."""
        if phase == "diffusion":
            return self.diffusion.loss("train", self._latent(x), u)
        x = x[:_AUTOENCODER_BATCH]
        logits = self.autoencoder(x, self.noise)
        self.intensities.count(logits, x)
        ink = (x + 1) / 2
        return F.binary_cross_entropy_with_logits(logits, ink, reduction="sum") / len(x)

    def noised(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The diffusion's, of the latents of x."""
        return self.diffusion.noised(self._latent(x))

    def phase_parameters(self, phase: str) -> Iterable[nn.Parameter]:
        """The autoencoder's, then the diffusion's."""
        return (self.autoencoder if phase == "autoencoder" else self.diffusion).parameters()

    def optimizers(self, phase: str) -> list[torch.optim.Optimizer]:
        """Muon on the hidden convolutions, AdamW on the rest: one vector per sample is not worth Muon's arithmetic."""
        return muon_and_adamw(self, self.phase_parameters(phase), layers=(Conv2d,))

    def learning_rate(self, phase: str, progress: float) -> float:
        """The default schedule, over each phase's own part of the budget."""
        if phase == "autoencoder":
            own = progress / self.autoencoder_share
        else:
            own = (progress - self.autoencoder_share) / (1 - self.autoencoder_share)
        return super().learning_rate(phase, own)

    def averaged_parameters(self) -> Iterable[nn.Parameter]:
        """The diffusion's only: it learned the latents of the autoencoder as it is, not of its average."""
        return self.diffusion.parameters()

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """The mean image of a latent that the diffusion draws: (B, C, H, W)."""
        self.diffusion.guide, self.diffusion.guidance = self.guide, self.guidance
        ink = self.autoencoder.decode(self.diffusion.sample(u, generator)).sigmoid()
        return 2 * ink - 1

    def log_likelihood(self, x: Tensor, u: Condition, generator: torch.Generator) -> Tensor:
        """What is left to say of x when z is known, and the diffusion's bound for z, in nats: (B,).

        z is the encoder's latent with the noise that the decoder learned to take (Kingma et al. 2021,
        arXiv:2107.00630, eq. 3 with a learned encoder): the diffusion starts at that noise level, so that what an
        exact latent would cost, which is without end, never comes up. Guidance is left out.
        """
        latent = self._latent(x)
        noise = torch.randn(latent.shape, generator=generator, device=latent.device)
        told = self.intensities.log_prob(self.autoencoder.decode(latent + self.noise * noise), x)
        return told - diffused(
            lambda z, sigma: self.diffusion.denoise(z, sigma, u),
            latent,
            generator,
            sigma_min=self.noise,
            sigma_max=SIGMA_MAX,
        )

    def _latent(self, x: Tensor) -> Tensor:
        """Without gradients: the autoencoder has a phase of its own."""
        with torch.no_grad():
            return self.autoencoder.encode(x)


def build(task: Task, wrap: Wrap, options: LatentDiffusionOptions) -> LatentDiffusion:
    """A model of images whose height and width are divisible by 4."""
    return LatentDiffusion(task, wrap, options)
