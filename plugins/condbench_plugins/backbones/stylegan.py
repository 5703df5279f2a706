"""A style-based GAN (Karras et al. 2019, arXiv:1812.04948, and 2020, arXiv:1912.04958), both of whose networks see u.

A mapping network turns noise into a style, which modulates every layer of a synthesis network that starts from a
constant; fresh noise per position in every layer decides what the style leaves open. In training some images mix two
styles at a random layer, so that layers do not come to rely on each other's. The discriminator and the losses are those
of `gan` (`AdversarialModel`): its gradient penalty is R1, as in the papers; path length regularisation, which smooths
the style space and costs a second backward pass, is left out.

The style is the backbone's own, made of noise: u gets in through sites, in the mapping as in the synthesis network.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from condbench.conditioning import Condition, Conditioned, Wrap, adapters
from condbench.specs import Task
from condbench_plugins.networks.adversarial import LEARNING_RATE, AdversarialModel
from condbench_plugins.networks.critic import Critic
from condbench_plugins.networks.style_generator import LAYERS, Mapping, ModulatedConv2d, StyleGenerator
from condbench_plugins.options import StyleGanOptions


class StyleGan(AdversarialModel):
    """Noise to style to image in one pass; samples come from the generator's average, and do not mix styles."""

    def __init__(self, generator: Conditioned, discriminator: Conditioned, options: StyleGanOptions) -> None:
        super().__init__(generator, discriminator, options.gradient_penalty)
        self.latent = options.latent
        self.mixing = options.mixing

    def generate(self, u: Condition) -> Tensor:
        """Images of one style up to some layer and another's from there on, for a share ``mixing`` of them."""
        z, other = torch.randn(2, len(u), self.latent, device=self.device)
        crossover = torch.randint(1, LAYERS, (len(u),), device=self.device)
        plain = torch.rand(len(u), device=self.device) >= self.mixing
        images: Tensor = self.generator(z, u=u, mixed=(other, crossover.masked_fill(plain, LAYERS)))
        return images

    def optimizers(self, phase: str) -> list[torch.optim.Optimizer]:
        """Those of `gan`, but what makes styles learns at a tenth of the rate, since every layer answers to its moves.

        The first paper slows its mapping network down a hundredfold (appendix C). Adapters learn at the full rate here
        as anywhere: a conditioner that acts in the mapping alone must not be slower for it.
        """
        if phase == "discriminator":
            return super().optimizers(phase)
        slow: list[nn.Parameter] = []
        for module in self.generator.modules():
            if isinstance(module, Mapping):
                slow += module.parameters()
            elif isinstance(module, ModulatedConv2d):
                slow += module.style.parameters()
        of_u = {id(parameter) for adapter in adapters(self.generator) for parameter in adapter.parameters()}
        slow = [parameter for parameter in slow if id(parameter) not in of_u]
        ids = {id(parameter) for parameter in slow}
        fast = [parameter for parameter in self.generator.parameters() if id(parameter) not in ids]
        groups = [{"params": slow, "lr": LEARNING_RATE / 10}, {"params": fast, "lr": LEARNING_RATE}]
        return [torch.optim.Adam(groups, betas=(0.0, 0.99), fused=True)]

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """One pass: (B, C, H, W) in [-1, 1]; the noise in each layer comes from ``generator`` too."""
        z = torch.randn(len(u), self.latent, generator=generator, device=generator.device)
        images: Tensor = self.generator(z, u=u, rng=generator)
        return images


def build(task: Task, wrap: Wrap, options: StyleGanOptions) -> StyleGan:
    """A style-based GAN for images of the task's shape, with u in both networks."""
    shape = task.target.shape
    generator = wrap(StyleGenerator(shape, options.latent, options.width, options.fine_width))
    discriminator = wrap(Critic(shape, options.width, depth=2, fine_width=options.fine_width))
    return StyleGan(generator, discriminator, options)
