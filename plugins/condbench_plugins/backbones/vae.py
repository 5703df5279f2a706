"""The variational autoencoder: an encoder and a decoder, both conditioned, trained on a bound of the likelihood.

Kingma & Welling 2014, arXiv:1312.6114; conditional: Sohn et al. 2015. For samples to obey u, the latent must not carry
what u says. So it has few dimensions, and its KL divergence weighs more at first (the opposite of the usual warm-up),
so that the decoder learns from u what it can before the latent may tell the rest.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from condbench.conditioning import Condition, Conditioned, Context, Site, Wrap
from condbench.model import Model
from condbench.specs import Task
from condbench_plugins.networks.intensities import IntensityTable
from condbench_plugins.options import VaeOptions

_BETA = 4.0  # weight of the KL divergence in the first phase (beta-VAE, Higgins et al. 2017)
_BETA_UNTIL = 0.2  # of the budget
_DRAWS = 16  # of the latent, for the likelihood
_PRIOR_WIDTH = 64


class Block(nn.Module):
    """h + gate(linear(silu(linear(silu(site(h))))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.site = Site(width, dim=-1, norm=nn.LayerNorm(width, elementwise_affine=False))
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)
        self.gate = Site(width, dim=-1, role="branch")

    def forward(self, h: Tensor, c: Context | None) -> Tensor:
        """(B, C) -> the same shape."""
        change = self.second(F.silu(self.first(F.silu(self.site(h, c)))))
        out: Tensor = h + self.gate(change, c)
        return out


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


class Prior(nn.Module):
    """Mean and log variance of P(z|u) from nothing but u (Sohn et al. 2015, section 4.1); at first it is N(0, I)."""

    def __init__(self, latent: int, width: int, blocks: int) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.randn(latent))
        self.net = ResidualNet(latent, 2 * latent, width, blocks)
        nn.init.zeros_(self.net.last.weight)
        nn.init.zeros_(self.net.last.bias)

    def forward(self, batch: int, c: Context | None) -> Tensor:
        """Mean and log variance side by side: (batch, 2 * latent)."""
        out: Tensor = self.net(self.start.expand(batch, -1), c)
        return out


class VariationalAutoencoder(Model):
    """P(x|u) as the integral over z ~ P(z|u) of P(x|z, u), x being intensities read as probabilities of ink.

    In training a pixel of intensity p is Bernoulli(p): the likelihood is that of x binarised at random anew at every
    look (Salakhutdinov & Murray 2008), in expectation over the binarisation. It makes sharp means. What it says of x
    itself, with its 256 intensities, comes from a table that is counted meanwhile.
    """

    batch_size = 256
    likelihood = f"lower bound (ELBO, {_DRAWS} importance samples)"

    def __init__(self, task: Task, wrap: Wrap, options: VaeOptions) -> None:
        super().__init__()
        self.shape = task.target.shape
        self.latent = options.latent
        size = math.prod(self.shape)
        self.encoder = wrap(ResidualNet(size, 2 * options.latent, options.encoder_width, options.blocks))
        self.decoder = wrap(ResidualNet(options.latent, size, options.width, options.blocks))
        self.prior: Conditioned | None = None
        if options.prior == "conditional":
            self.prior = wrap(Prior(options.latent, _PRIOR_WIDTH, options.blocks))
        self.intensities = IntensityTable()

    def phases(self, progress: float) -> tuple[str, ...]:
        """First the KL divergence weighs more, then the loss is the evidence lower bound itself."""
        return ("beta",) if progress < _BETA_UNTIL else ("elbo",)

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """-ELBO, nats per image; in the first phase with the KL divergence weighted."""
        distortion, rate = self.bound(x, u)
        return (distortion + (_BETA if phase == "beta" else 1.0) * rate).mean()

    def bound(self, x: Tensor, u: Condition) -> tuple[Tensor, Tensor]:
        """The two parts of -ELBO with one draw of z, each (B,) nats: -log P(x|z, u) and KL(Q(z|x, u) || P(z|u))."""
        posterior, prior = self._posterior(x, u), self._prior(u)
        logits = self.decoder(posterior.rsample(), u=u)
        self.intensities.count(logits, x.flatten(1))
        ink = (x.flatten(1) + 1) / 2
        distortion = F.binary_cross_entropy_with_logits(logits, ink, reduction="none").sum(-1)
        return distortion, kl_divergence(posterior, prior).sum(-1)

    def optimizers(self, phase: str) -> list[torch.optim.Optimizer]:
        """AdamW: orthogonalising these wide matrices would cost more than the steps themselves."""
        return [torch.optim.AdamW(self.parameters(), lr=2e-3, betas=(0.9, 0.99), weight_decay=0.0, fused=True)]

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """Draw z from the prior and give the mean image, E[x|z, u]: pixels drawn one by one would be noise on it."""
        z = _draw(self._prior(u), generator)
        ink: Tensor = self.decoder(z, u=u).sigmoid()
        return (2 * ink - 1).reshape(-1, *self.shape)

    def log_likelihood(self, x: Tensor, u: Condition, generator: torch.Generator) -> Tensor:
        """The log of the mean over a few z ~ Q(z|x, u) of P(x|z, u) P(z|u) / Q(z|x, u): (B,) nats.

        A lower bound in expectation (Burda et al. 2016, arXiv:1509.00519, eq. 8), with P(x|z, u) of 8-bit intensities.
        """
        posterior, prior = self._posterior(x, u), self._prior(u)
        weights = []
        for _ in range(_DRAWS):
            z = _draw(posterior, generator)
            told = self.intensities.log_prob(self.decoder(z, u=u), x.flatten(1))
            weights.append(told + (_log_density(prior, z) - _log_density(posterior, z)))
        return torch.stack(weights).logsumexp(0) - math.log(_DRAWS)

    def _posterior(self, x: Tensor, u: Condition) -> Normal:
        """Q(z|x, u): (B, latent)."""
        return _normal(self.encoder(x.flatten(1), u=u))

    def _prior(self, u: Condition) -> Normal:
        """P(z|u): (B, latent)."""
        if self.prior is None:
            return _normal(torch.zeros(len(u), 2 * self.latent, device=self.device))
        return _normal(self.prior(len(u), u=u))


def _normal(parameters: Tensor) -> Normal:
    """From mean and log variance side by side."""
    mean, log_variance = parameters.chunk(2, dim=-1)
    return Normal(mean, (0.5 * log_variance).exp(), validate_args=False)


def _draw(normal: Normal, generator: torch.Generator) -> Tensor:
    noise = torch.randn(normal.mean.shape, generator=generator, device=generator.device)
    return normal.mean + normal.stddev * noise


def _log_density(normal: Normal, z: Tensor) -> Tensor:
    """Of z (B, latent), summed over its numbers: (B,) nats."""
    log_density: Tensor = normal.log_prob(z)  # type: ignore[no-untyped-call]
    return log_density.sum(-1)


def build(task: Task, wrap: Wrap, options: VaeOptions) -> VariationalAutoencoder:
    """A model of images of any shape."""
    return VariationalAutoencoder(task, wrap, options)
