"""What the kit itself puts on the other side: a conditioner for any backbone, and small backbones for conditioners.

Each takes milliseconds. Together the backbones have every kind of place where a conditioner may act: `Denoiser` and
`Energy` on images and vectors, `NextPatch` on a causal sequence.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import (
    Adapter,
    Build,
    Condition,
    Conditioned,
    Context,
    DenseConditioner,
    Prefix,
    Site,
    Wrap,
)
from condbench.model import Model, ScoreModel
from condbench.specs import Task

_WIDTH = 8
_PATCH = 4  # pixels along a side
_LEVELS = (4.0, 1.0, 0.25, 0.0)  # of noise, on the way to a sample


class Modulation(Adapter):
    """(1 + gamma(e)) * h + beta(e), with gamma and beta zero at first; it looks at no position but its own."""

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(dim, 2 * channels)
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def forward(self, h: Tensor, c: Context) -> Tensor:
        """(B, *extent, C) -> the same shape."""
        modulation: Tensor = self.project(c.pooled)
        gamma, beta = modulation.view(len(h), *[1] * (h.ndim - 2), -1).chunk(2, dim=-1)
        return h * (1 + gamma) + beta


class Everywhere(DenseConditioner):
    """Fills every site of a network, whatever its role, so that each is seen at work."""

    def adapter(self, site: Site, dim: int) -> Adapter:
        """A modulation."""
        return Modulation(site.channels, dim)


class DenoisingNet(nn.Module):
    """A noisy image and its noise level to an image; sites on (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, _WIDTH, _PATCH, stride=_PATCH)
        self.input = Site(_WIDTH, role="input")
        self.level = nn.Linear(1, _WIDTH)
        self.hidden = Site(_WIDTH, norm=nn.GroupNorm(1, _WIDTH))
        self.middle = nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1)
        self.branch = Site(_WIDTH, role="branch")
        self.output = Site(_WIDTH, role="output", norm=nn.GroupNorm(1, _WIDTH))
        self.last = nn.ConvTranspose2d(_WIDTH, channels, _PATCH, stride=_PATCH)

    def forward(self, z: Tensor, sigma: Tensor, c: Context | None) -> Tensor:
        """(B, C, H, W) and (B,) -> (B, C, H, W)."""
        h = self.input(self.first(z), c)
        time = self.level(sigma.log()[:, None])[..., None, None]
        h = h + self.branch(self.middle(F.silu(self.hidden(h, c) + time)), c)
        out: Tensor = self.last(F.silu(self.output(h, c)))
        return out


class Denoiser(ScoreModel):
    """A diffusion of a few steps."""

    def __init__(self, net: Conditioned, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.net, self.shape = net, shape

    def _estimate(self, z: Tensor, sigma: Tensor, u: Condition) -> Tensor:
        estimate: Tensor = self.net(z / (1 + sigma**2).sqrt()[:, None, None, None], sigma, u=u)
        return estimate.float()

    def noised(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images at random noise levels."""
        sigma = torch.randn(len(x), device=x.device).exp()
        return x + sigma[:, None, None, None] * torch.randn_like(x), sigma

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """How far the estimate is from the image."""
        return F.mse_loss(self._estimate(*self.noised(x), u), x)

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """Euler's method; a guide moves the estimate by sigma^2 times what it says."""
        z = _LEVELS[0] * torch.randn(len(u), *self.shape, generator=generator, device=generator.device)
        for level, lower in pairwise(_LEVELS):
            sigma = z.new_full((len(u),), level)
            x = self._estimate(z, sigma, u)
            if self.guide is not None:
                x = x + level**2 * self.guide(z, sigma, u)
            z = x + (z - x) * (lower / level)
        return z.clamp(-1, 1)


class EnergyNet(nn.Module):
    """An image to a number; sites on (B, C, H, W), then on (B, C)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, _WIDTH, _PATCH, stride=_PATCH)
        self.input = Site(_WIDTH, role="input")
        self.hidden = Site(_WIDTH, norm=nn.GroupNorm(1, _WIDTH))
        self.middle = nn.Linear(_WIDTH, _WIDTH)
        self.branch = Site(_WIDTH, dim=-1, role="branch")
        self.score = Site(_WIDTH, dim=-1, role="score")
        self.last = nn.Linear(_WIDTH, 1)

    def forward(self, x: Tensor, c: Context | None) -> Tensor:
        """(B, C, H, W) -> (B,)."""
        h = F.silu(self.hidden(self.input(self.first(x), c), c)).mean((2, 3))
        h = h + self.branch(self.middle(h), c)
        energy: Tensor = self.last(self.score(F.silu(h), c))
        return energy[:, 0]


class Energy(Model):
    """An energy of images, lower for data than for noise; a sample goes down its slope for a few steps."""

    def __init__(self, net: Conditioned, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.net, self.shape = net, shape

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """Data against noise."""
        loss: Tensor = F.softplus(self.net(x, u=u)) + F.softplus(-self.net(torch.randn_like(x).clamp(-1, 1), u=u))
        return loss.mean()

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """From noise down the slope, whose length is that of the image."""
        with torch.inference_mode(False), torch.enable_grad():
            u = Condition(tuple(part.clone() for part in u.parts), u.kept.clone())
            x = 0.3 * torch.randn(len(u), *self.shape, generator=generator, device=generator.device)
            for _ in _LEVELS:
                x = x.detach().requires_grad_()
                (slope,) = torch.autograd.grad(self.net(x.view_as(x), u=u).sum(), x)
                x = x - 0.3 * slope / slope.square().mean((1, 2, 3), keepdim=True).sqrt().clamp(min=1e-6)
        return x.detach().clamp(-1, 1)


class SequenceNet(nn.Module):
    """Patches to guesses at the next ones; a prefix, and causal sites on (B, T, C)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.first = nn.Linear(size, _WIDTH)
        self.input = Site(_WIDTH, dim=-1, role="input", mixable=False)
        self.prefix = Prefix(_WIDTH)
        self.hidden = Site(_WIDTH, dim=-1, mixable=False, norm=nn.LayerNorm(_WIDTH))
        self.middle = nn.Linear(_WIDTH, _WIDTH)
        self.branch = Site(_WIDTH, dim=-1, role="branch", mixable=False)
        self.output = Site(_WIDTH, dim=-1, role="output", mixable=False, norm=nn.LayerNorm(_WIDTH))
        self.last = nn.Linear(_WIDTH, size)

    def forward(self, before: Tensor, c: Context | None) -> Tensor:
        """(B, T, size) -> the same shape; a position sees itself and the mean of those before it."""
        h = self.prefix(self.input(self.first(before), c), c)
        h = h + h.cumsum(1) / torch.arange(1, h.shape[1] + 1, device=h.device)[:, None]
        h = h + self.branch(self.middle(F.silu(self.hidden(h, c))), c)
        out: Tensor = self.last(F.silu(self.output(h[:, self.prefix.length :], c)))
        return out


class NextPatch(Model):
    """Autoregression over an image's patches, in reading order."""

    def __init__(self, net: Conditioned, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.net = net
        channels, height, width = shape
        self.grid = channels, height // _PATCH, _PATCH, width // _PATCH, _PATCH

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """How far the guesses are from the patches."""
        patches = x.view(-1, *self.grid).permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
        return F.mse_loss(self.net(F.pad(patches, (0, 0, 1, 0))[:, :-1], u=u), patches)

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """Patch after patch, each the guess and a little noise."""
        channels, rows, _, columns, _ = self.grid
        patches = torch.zeros(len(u), rows * columns + 1, channels * _PATCH**2, device=generator.device)
        noise = 0.1 * torch.randn(patches.shape, generator=generator, device=generator.device)
        for position in range(rows * columns):
            guess = self.net(patches[:, : position + 1], u=u)[:, -1]
            patches[:, position + 1] = (guess + noise[:, position]).clamp(-1, 1)
        grid = patches[:, 1:].view(len(u), rows, columns, channels, _PATCH, _PATCH)
        return grid.permute(0, 3, 1, 4, 2, 5).reshape(len(u), channels, rows * _PATCH, columns * _PATCH)


@dataclass(frozen=True)
class SmallBackbone:
    """A backbone of the kit's, with what it offers."""

    name: str
    build: Build
    offers: frozenset[str]


def _denoiser(task: Task, wrap: Wrap) -> Denoiser:
    return Denoiser(wrap(DenoisingNet(task.target.shape[0])), task.target.shape)


def _energy(task: Task, wrap: Wrap) -> Energy:
    return Energy(wrap(EnergyNet(task.target.shape[0])), task.target.shape)


def _next_patch(task: Task, wrap: Wrap) -> NextPatch:
    return NextPatch(wrap(SequenceNet(task.target.shape[0] * _PATCH**2)), task.target.shape)


SMALL_BACKBONES = (
    SmallBackbone("a small denoiser", _denoiser, frozenset({"positions", "norms", "grid", "gates", "score"})),
    SmallBackbone("a small energy", _energy, frozenset({"positions", "norms", "grid", "gates", "critic"})),
    SmallBackbone("a small sequence model", _next_patch, frozenset({"norms", "gates", "sequence"})),
)
