"""The variational autoencoder: an encoder and a decoder, both conditioned, trained on a bound of the likelihood.

Kingma & Welling 2014, arXiv:1312.6114; conditional: Sohn et al. 2015. For samples to obey u, the latent must not carry
what u says. So it has few dimensions, and its KL divergence weighs more at first (the opposite of the usual warm-up),
so that the decoder learns from u what it can before the latent may tell the rest.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Condition, Context, Site, Wrap
from condbench.model import Model
from condbench.specs import Task
from condbench_plugins.options import VaeOptions

_BETA = 4.0  # weight of the KL divergence in the first phase (beta-VAE, Higgins et al. 2017)
_BETA_UNTIL = 0.2  # of the budget


class Block(nn.Module):
    """h + linear(silu(linear(silu(site(h)))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.site = Site(width, dim=-1, norm=nn.LayerNorm(width, elementwise_affine=False))
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)

    def forward(self, h: Tensor, c: Context | None) -> Tensor:
        """(B, C) -> the same shape."""
        out: Tensor = self.second(F.silu(self.first(F.silu(self.site(h, c)))))
        return h + out


class ResidualNet(nn.Module):
    """Vectors (B, inputs) -> (B, outputs), through residual blocks with sites."""

    def __init__(self, inputs: int, outputs: int, width: int, blocks: int) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, width)
        self.input = Site(width, dim=-1, role="input")
        self.blocks = nn.ModuleList(Block(width) for _ in range(blocks))
        norm = nn.LayerNorm(width, elementwise_affine=False)
        self.output = Site(width, dim=-1, role="output", norm=norm)
        self.last = nn.Linear(width, outputs)

    def forward(self, v: Tensor, c: Context | None) -> Tensor:
        """(B, inputs) -> (B, outputs) in float32."""
        h = self.input(self.first(v), c)
        for block in self.blocks:
            h = block(h, c)
        out: Tensor = self.last(F.silu(self.output(h, c)))
        return out.float()


class VariationalAutoencoder(Model):
    """P(x|u) as the integral over z ~ N(0, I) of P(x|z, u), x being intensities read as probabilities of ink.

    A pixel of intensity p is Bernoulli(p): the likelihood is that of x binarised at random anew at every look
    (Salakhutdinov & Murray 2008), in expectation over the binarisation.
    """

    batch_size = 256

    def __init__(self, task: Task, wrap: Wrap, options: VaeOptions) -> None:
        super().__init__()
        self.shape = task.target.shape
        self.latent = options.latent
        size = math.prod(self.shape)
        self.encoder = wrap(ResidualNet(size, 2 * options.latent, options.width, options.blocks))
        self.decoder = wrap(ResidualNet(options.latent, size, options.width, options.blocks))

    def phases(self, progress: float) -> tuple[str, ...]:
        """First the KL divergence weighs more, then the loss is the evidence lower bound itself."""
        return ("beta",) if progress < _BETA_UNTIL else ("elbo",)

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """-ELBO, nats per image; in the first phase with the KL divergence weighted."""
        distortion, rate = self.bound(x, u)
        return (distortion + (_BETA if phase == "beta" else 1.0) * rate).mean()

    def bound(self, x: Tensor, u: Condition) -> tuple[Tensor, Tensor]:
        """The two parts of -ELBO with one draw of z, each (B,) nats: -log P(x|z, u) and KL(Q(z|x, u) || N(0, I))."""
        mean, log_variance = self.encoder(x.flatten(1), u=u).chunk(2, dim=-1)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        logits = self.decoder(z, u=u)
        ink = (x.flatten(1) + 1) / 2
        distortion = F.binary_cross_entropy_with_logits(logits, ink, reduction="none").sum(-1)
        rate = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)
        return distortion, rate

    def optimizers(self, phase: str) -> list[torch.optim.Optimizer]:
        """AdamW: orthogonalising these wide matrices would cost more than the steps themselves."""
        return [torch.optim.AdamW(self.parameters(), lr=2e-3, betas=(0.9, 0.99), weight_decay=0.0, fused=True)]

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """Draw z from the prior and give the mean image, E[x|z, u]: pixels drawn one by one would be noise on it."""
        z = torch.randn(len(u), self.latent, generator=generator, device=self.device)
        ink: Tensor = self.decoder(z, u=u).sigmoid()
        return (2 * ink - 1).reshape(-1, *self.shape)


def build(task: Task, wrap: Wrap, options: VaeOptions) -> VariationalAutoencoder:
    """A model of images of any shape."""
    return VariationalAutoencoder(task, wrap, options)
