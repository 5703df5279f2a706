"""The variational autoencoder: an encoder and a decoder, both conditioned, trained on a bound of the likelihood.

Kingma & Welling 2014, arXiv:1312.6114; conditional: Sohn et al. 2015. For samples to obey u, the latent must not carry
what u says. So it has few dimensions, and its KL divergence weighs more at first (the opposite of the usual warm-up),
so that the decoder learns from u what it can before the latent may tell the rest. Afterwards it weighs less than in the
bound of binary images that the decoder is trained on: 256 intensities tell more than a bit of ink, so the bound of
images as they are is better for it, and the images are sharper.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Condition, Conditioned, Context, Site, Wrap
from condbench.model import Model
from condbench.specs import Task
from condbench_plugins.networks.intensities import IntensityTable
from condbench_plugins.networks.mixture import Mixture
from condbench_plugins.options import VaeOptions

_FIRST_WEIGHT, _WEIGHT = 4.0, 0.5  # of the KL divergence (beta-VAE, Higgins et al. 2017)
_FIRST_SHARE = 0.2  # of the budget
_DRAWS = 16  # of the latent, for the likelihood
_PRIOR_WIDTH = 64
_COMPONENTS = 16  # of the conditional prior
_SPREAD = 0.5  # deviation of their means at first


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
    """P(z|u) from nothing but u (Sohn et al. 2015, section 4.1): a mixture of normals, since one would be too simple.

    Where it is likely and the posteriors of real images are not, samples look like none of them (Tomczak & Welling
    2018, arXiv:1705.07120). At first its components are near N(0, I), whatever u is.
    """

    def __init__(self, latent: int, width: int, blocks: int) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.randn(latent))
        self.net = ResidualNet(latent, _COMPONENTS * (1 + 2 * latent), width, blocks)
        nn.init.zeros_(self.net.last.weight)
        bias = torch.zeros(_COMPONENTS, 1 + 2 * latent)
        bias[:, 1 : 1 + latent].normal_(std=_SPREAD)
        self.net.last.bias.data.copy_(bias.flatten())

    def forward(self, batch: int, c: Context | None) -> Tensor:
        """Each component's logit, mean and log variance: (batch, components, 1 + 2 * latent)."""
        out: Tensor = self.net(self.start.expand(batch, -1), c)
        return out.view(batch, _COMPONENTS, -1)


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
        """First the KL divergence weighs more than in the bound, then less, with a fresh optimizer and average."""
        return ("heavy",) if progress < _FIRST_SHARE else ("light",)

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """-ELBO with the KL divergence weighted, nats per image."""
        distortion, rate = self.bound(x, u)
        return (distortion + (_FIRST_WEIGHT if phase == "heavy" else _WEIGHT) * rate).mean()

    def bound(self, x: Tensor, u: Condition) -> tuple[Tensor, Tensor]:
        """The two parts of -ELBO, estimated with one draw of z, each (B,) nats.

        They are the distortion, -log P(x|z, u), and the rate, log Q(z|x, u) - log P(z|u), on average a KL divergence.
        """
        posterior = self._posterior(x, u)
        z = posterior.draw()
        logits = self.decoder(z, u=u)
        self.intensities.count(logits, x.flatten(1))
        ink = (x.flatten(1) + 1) / 2
        distortion = F.binary_cross_entropy_with_logits(logits, ink, reduction="none").sum(-1)
        return distortion, posterior.log_prob(z) - self._prior(u).log_prob(z)

    def optimizers(self, phase: str) -> list[torch.optim.Optimizer]:
        """AdamW: orthogonalising these wide matrices would cost more than the steps themselves."""
        return [torch.optim.AdamW(self.parameters(), lr=2e-3, betas=(0.9, 0.99), weight_decay=0.0, fused=True)]

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """Draw z from the prior and give the mean image, E[x|z, u]: pixels drawn one by one would be noise on it."""
        ink: Tensor = self.decoder(self._prior(u).draw(generator), u=u).sigmoid()
        return (2 * ink - 1).reshape(-1, *self.shape)

    def log_likelihood(self, x: Tensor, u: Condition, generator: torch.Generator) -> Tensor:
        """The log of the mean over a few z ~ Q(z|x, u) of P(x|z, u) P(z|u) / Q(z|x, u): (B,) nats.

        A lower bound in expectation (Burda et al. 2016, arXiv:1509.00519, eq. 8), with P(x|z, u) of 8-bit intensities.
        """
        posterior, prior = self._posterior(x, u), self._prior(u)
        weights = []
        for _ in range(_DRAWS):
            z = posterior.draw(generator)
            told = self.intensities.log_prob(self.decoder(z, u=u), x.flatten(1))
            weights.append(told + prior.log_prob(z) - posterior.log_prob(z))
        return torch.stack(weights).logsumexp(0) - math.log(_DRAWS)

    def _posterior(self, x: Tensor, u: Condition) -> Mixture:
        """Q(z|x, u), a single normal."""
        mean, log_variance = self.encoder(x.flatten(1), u=u).chunk(2, dim=-1)
        return Mixture.normal(mean, log_variance)

    def _prior(self, u: Condition) -> Mixture:
        """P(z|u)."""
        if self.prior is None:
            zeros = torch.zeros(len(u), self.latent, device=self.device)
            return Mixture.normal(zeros, zeros)
        parameters: Tensor = self.prior(len(u), u=u)
        logits, mean, log_variance = torch.split(parameters, [1, self.latent, self.latent], dim=-1)
        return Mixture(logits[..., 0], mean, log_variance)


def build(task: Task, wrap: Wrap, options: VaeOptions) -> VariationalAutoencoder:
    """A model of images of any shape."""
    return VariationalAutoencoder(task, wrap, options)
