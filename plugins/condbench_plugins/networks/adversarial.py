"""How a generator and a discriminator train each other: the common half of `backbones.gan` and `backbones.stylegan`.

Real and generated images of the same u are compared in pairs (relativistic pairing, Jolicoeur-Martineau 2019,
arXiv:1807.00734), and the discriminator's gradient at real images is kept small (R1, Mescheder et al. 2018,
arXiv:1801.04406). Huang et al. 2024 (arXiv:2501.05441) train so without further tricks; they keep the gradient small at
generated images as well (R2), which is left out here: it costs a fourth batch in every step.
The gradient is penalised by a finite difference along random directions, E |D(x + s n) - D(x)|^2 / s^2, which equals
|grad D(x)|^2 to first order and spares the second backward pass (Lin et al. 2025, arXiv:2501.08316).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Condition, Conditioned
from condbench.model import Model

LEARNING_RATE = 1e-3
"""Adam's, of both networks. At 2e-3 a discriminator gives up, or explodes, where a large budget keeps it high."""

_DIFFERENCE = 0.1  # s, per pixel: small beside a stroke, large beside the rounding of bfloat16


class AdversarialModel(Model):
    """Two networks that learn in turn; a backbone adds what its generator makes images of."""

    batch_size = 32  # more steps from the same budget were worth more than calmer gradients

    def __init__(self, generator: Conditioned, discriminator: Conditioned, gradient_penalty: float) -> None:
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
        self.gradient_penalty = gradient_penalty

    @abstractmethod
    def generate(self, u: Condition) -> Tensor:
        """Images (B, C, H, W) to train with, of noise from torch's global generator."""

    def phases(self, progress: float) -> tuple[str, ...]:
        """The discriminator first, so that the generator follows a gradient that is up to date."""
        return ("discriminator", "generator")

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """The loss of one network on real images x (B, C, H, W) of u; the other only passes gradients on."""
        return self._discriminator_loss(x, u) if phase == "discriminator" else self._generator_loss(x, u)

    def _discriminator_loss(self, x: Tensor, u: Condition) -> Tensor:
        """Real above generated, and flat around real images; one pass over the three batches."""
        with torch.no_grad():
            generated = self.generate(u)
        nearby = x + _DIFFERENCE * torch.randn_like(x)
        real, fake, near = self.discriminator(torch.cat([x, generated, nearby]), u=u.repeat(3)).chunk(3)
        slope = ((near - real) / _DIFFERENCE).square()
        loss: Tensor = F.softplus(fake - real) + self.gradient_penalty * slope
        return loss.mean()

    def _generator_loss(self, x: Tensor, u: Condition) -> Tensor:
        """Generated above real."""
        with torch.no_grad():
            real = self.discriminator(x, u=u)
        fake = self.discriminator(self.generate(u), u=u)
        return F.softplus(real - fake).mean()

    def _network(self, phase: str) -> Conditioned:
        return self.discriminator if phase == "discriminator" else self.generator

    def phase_parameters(self, phase: str) -> Iterable[nn.Parameter]:
        """Those of the network that the phase is named after."""
        return self._network(phase).parameters()

    def optimizers(self, phase: str) -> list[torch.optim.Optimizer]:
        """Adam without momentum, which would carry each network past the other's moves."""
        return [torch.optim.Adam(self.phase_parameters(phase), lr=LEARNING_RATE, betas=(0.0, 0.99), fused=True)]

    def averaged_parameters(self) -> Iterable[nn.Parameter]:
        """The generator's only: sampling never asks the discriminator."""
        return self.generator.parameters()
