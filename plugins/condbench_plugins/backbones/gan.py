"""A generative adversarial network (Goodfellow et al. 2014, arXiv:1406.2661), both of whose networks see u.

A generator makes images of noise, a discriminator compares them with real images of the same u; `AdversarialModel` has
the losses by which each learns from the other.
"""

from __future__ import annotations

import torch
from torch import Tensor

from condbench.conditioning import Condition, Conditioned, Wrap
from condbench.specs import Task
from condbench_plugins.networks.adversarial import AdversarialModel
from condbench_plugins.networks.critic import Critic
from condbench_plugins.networks.generator import Generator
from condbench_plugins.options import GanOptions


class Gan(AdversarialModel):
    """Noise to image in one pass; samples come from the generator's average."""

    def __init__(self, generator: Conditioned, discriminator: Conditioned, options: GanOptions) -> None:
        super().__init__(generator, discriminator, options.gradient_penalty)
        self.latent = options.latent

    def generate(self, u: Condition) -> Tensor:
        """One pass, from noise of torch's global generator."""
        images: Tensor = self.generator(torch.randn(len(u), self.latent, device=self.device), u=u)
        return images

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """One pass: (B, C, H, W) in [-1, 1]."""
        z = torch.randn(len(u), self.latent, generator=generator, device=generator.device)
        images: Tensor = self.generator(z, u=u)
        return images


def build(task: Task, wrap: Wrap, options: GanOptions) -> Gan:
    """A GAN for images of the task's shape, with u in both networks."""
    shape = task.target.shape
    generator = wrap(Generator(shape, options.latent, options.width, options.fine_width))
    discriminator = wrap(Critic(shape, options.width, depth=2, fine_width=options.fine_width))
    return Gan(generator, discriminator, options)
