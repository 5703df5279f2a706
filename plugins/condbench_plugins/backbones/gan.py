"""A generative adversarial network (Goodfellow et al. 2014, arXiv:1406.2661), both of whose networks see u.

Real and generated images of the same u are compared in pairs (relativistic pairing, Jolicoeur-Martineau 2019,
arXiv:1807.00734), and the discriminator's gradient at real images is kept small (R1, Mescheder et al. 2018,
arXiv:1801.04406): together they converge without batch norm or spectral norm (Huang et al. 2024, arXiv:2501.05441).
The gradient is penalised by a finite difference along random directions, E |D(x + s n) - D(x)|^2 / s^2, which equals
|grad D(x)|^2 to first order and spares the second backward pass (Lin et al. 2025, arXiv:2501.08316).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Condition, Conditioned, Wrap
from condbench.model import Model
from condbench.specs import Task
from condbench_plugins.networks.critic import Critic
from condbench_plugins.networks.generator import Generator
from condbench_plugins.options import GanOptions

_DIFFERENCE = 0.1  # s, per pixel: small beside a stroke, large beside the rounding of bfloat16


class Gan(Model):
    """Two networks in turn; sampling is one pass of the generator's average."""

    batch_size = 32  # more steps from the same budget were worth more than calmer gradients

    def __init__(self, generator: Conditioned, discriminator: Conditioned, options: GanOptions) -> None:
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
        self.options = options

    def phases(self, progress: float) -> tuple[str, ...]:
        """The discriminator first, so that the generator follows a gradient that is up to date."""
        return ("discriminator", "generator")

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """The loss of one network on real images x (B, C, H, W) of u; the other only passes gradients on."""
        z = torch.randn(len(x), self.options.latent, device=x.device)
        if phase == "discriminator":
            return self._discriminator_loss(x, z, u)
        with torch.no_grad():
            real = self.discriminator(x, u=u)
        fake = self.discriminator(self.generator(z, u=u), u=u)
        return F.softplus(real - fake).mean()

    def _discriminator_loss(self, x: Tensor, z: Tensor, u: Condition) -> Tensor:
        """Real above generated, and flat around real images; one pass over the three batches."""
        with torch.no_grad():
            generated = self.generator(z, u=u)
        nearby = x + _DIFFERENCE * torch.randn_like(x)
        real, fake, near = self.discriminator(torch.cat([x, generated, nearby]), u=u.repeat(3)).chunk(3)
        slope = ((near - real) / _DIFFERENCE).square()
        loss: Tensor = F.softplus(fake - real) + self.options.gradient_penalty * slope
        return loss.mean()

    def _network(self, phase: str) -> Conditioned:
        return self.discriminator if phase == "discriminator" else self.generator

    def phase_parameters(self, phase: str) -> Iterable[nn.Parameter]:
        """Those of the network that the phase is named after."""
        return self._network(phase).parameters()

    def optimizers(self, phase: str) -> list[torch.optim.Optimizer]:
        """Adam without momentum, which would carry each network past the other's moves."""
        return [torch.optim.Adam(self.phase_parameters(phase), lr=2e-3, betas=(0.0, 0.99), fused=True)]

    def averaged_parameters(self) -> Iterable[nn.Parameter]:
        """The generator's only: sampling never asks the discriminator."""
        return self.generator.parameters()

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """One pass: (B, C, H, W) in [-1, 1]."""
        z = torch.randn(len(u), self.options.latent, generator=generator, device=generator.device)
        images: Tensor = self.generator(z, u=u)
        return images


def build(task: Task, wrap: Wrap, options: GanOptions) -> Gan:
    """A GAN for images of the task's shape, with u in both networks."""
    shape = task.target.shape
    generator = wrap(Generator(shape, options.latent, options.width))
    discriminator = wrap(Critic(shape, options.width, depth=2))
    return Gan(generator, discriminator, options)
