"""The backbone: an invertible network of affine couplings. `build` is what the registry names.

Dinh et al. 2017, arXiv:1605.08803 (RealNVP), with fully connected couplings in random orders as in Ardizzone et al.
2019, arXiv:1907.02392. Nothing here knows u: the network places sites, and a conditioner decides what happens there.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Condition, Conditioned, Context, Site, Wrap
from condbench.model import Model
from condbench.specs import Task
from condbench_example.options import CouplingFlowOptions

_LEVELS = 256  # of a stored pixel, 8 bits
_MARGIN = 0.05  # keeps the logit finite (Dinh et al., section 4.1)
_LOG_SCALE = 1.0  # bounds a coupling's scale: at twice as much, inverses exploded in some samples


class Coupling(nn.Module):
    """Scales and shifts one half of the pixels by a function of the other half (Dinh et al., eq. 7 and 8)."""

    def __init__(self, pixels: int, width: int) -> None:
        super().__init__()
        self.kept = pixels // 2
        # Which pixels are in which half. A buffer, because all that sampling needs must be in the state dict.
        self.register_buffer("order", torch.randperm(pixels))
        self.order: Tensor
        self.first = nn.Linear(self.kept, width)
        # Where a conditioner may act: behind the first layer, before the hidden one, on what that adds, and before the
        # last. A site that is left empty is just its norm. `dim` says where the channels are.
        self.input = Site(width, dim=-1, role="input")
        self.site = Site(width, dim=-1, norm=nn.LayerNorm(width, elementwise_affine=False))
        self.hidden = nn.Linear(width, width)
        self.gate = Site(width, dim=-1, role="branch")
        self.output = Site(width, dim=-1, role="output", norm=nn.LayerNorm(width, elementwise_affine=False))
        self.last = nn.Linear(width, 2 * (pixels - self.kept))
        nn.init.zeros_(self.last.weight)  # the flow starts as the identity
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor, c: Context | None, inverse: bool) -> tuple[Tensor, Tensor]:
        """(B, pixels) -> the same shape, and the logarithm of the scale of volumes (B,)."""
        kept, changed = x[:, self.order].tensor_split((self.kept,), dim=1)
        h = self.input(self.first(kept), c)
        h = h + self.gate(self.hidden(F.silu(self.site(h, c))), c)
        # condbench trains under autocast, so layers may give bfloat16; the bijection itself needs float32.
        log_scale, shift = self.last(F.silu(self.output(h, c))).float().chunk(2, dim=1)
        log_scale = _LOG_SCALE * (log_scale / _LOG_SCALE).tanh()
        if inverse:
            log_scale = -log_scale
            changed = (changed - shift) * log_scale.exp()
        else:
            changed = changed * log_scale.exp() + shift
        return torch.cat([kept, changed], dim=1)[:, self.order.argsort()], log_scale.sum(1)


class Couplings(nn.Module):
    """The whole network. It takes the opaque context ``c`` and only ever hands it to its sites."""

    def __init__(self, pixels: int, width: int, count: int) -> None:
        super().__init__()
        self.couplings = nn.ModuleList(Coupling(pixels, width) for _ in range(count))

    def forward(self, x: Tensor, c: Context | None, *, inverse: bool = False) -> tuple[Tensor, Tensor]:
        """(B, pixels) -> the same shape, and the logarithm of the scale of volumes (B,)."""
        log_volume = x.new_zeros(len(x))
        for coupling in reversed(self.couplings) if inverse else self.couplings:
            x, log_scale = coupling(x, c, inverse)
            log_volume = log_volume + log_scale
        return x, log_volume


class CouplingFlow(Model):
    """What condbench trains: a loss, and samples. One phase, the optimizer's schedule and the average are defaults."""

    def __init__(self, couplings: Conditioned, shape: tuple[int, ...], options: CouplingFlowOptions) -> None:
        super().__init__()
        self.couplings, self.shape, self.options = couplings, shape, options

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """The negative log-likelihood of dequantised images, in bits per dimension."""
        return -self._bound(x, u, torch.rand_like(x)).mean() / (math.prod(self.shape) * math.log(2))

    def log_likelihood(self, x: Tensor, u: Condition, generator: torch.Generator) -> Tensor:
        """One draw of the noise for each image: (B,) nats."""
        return self._bound(x, u, torch.rand(x.shape, generator=generator, device=x.device))

    def _bound(self, x: Tensor, u: Condition, noise: Tensor) -> Tensor:
        """The log density of images (B, *shape) with noise in [0, 1) in each value's bin: (B,) nats.

        On average over the noise it is at most the log probability of the images: a bin is one unit wide here.
        """
        y, log_volume = _to_reals(x, noise)
        z, more = self.couplings(y, u=u)  # the wrapped network takes u, and passes it to the conditioner
        log_density: Tensor = log_volume + more - 0.5 * (z.square() + math.log(2 * math.pi)).sum(1)
        return log_density

    def optimizers(self, phase: str) -> list[torch.optim.Optimizer]:
        """Twice the default rate: at these budgets a flow gains by it."""
        return [torch.optim.AdamW(self.parameters(), lr=2e-3, betas=(0.9, 0.99), weight_decay=0.0, fused=True)]

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """Noise through the inverse; all randomness from ``generator``, so that samples repeat."""
        z = torch.randn(len(u), math.prod(self.shape), generator=generator, device=self.device)
        y, _ = self.couplings(self.options.temperature * z, u=u, inverse=True)
        return _to_images(y).view(len(u), *self.shape)


def _to_reals(x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Images in [-1, 1] to logits (B, pixels), and the logarithm of the scale of volumes (B,).

    A density of discrete values has no bound; uniform noise over each value's bin gives it one (Theis et al. 2016,
    arXiv:1511.01844, section 3.1).
    """
    values = ((x.flatten(1) + 1) / 2 * (_LEVELS - 1)).round()
    p = _MARGIN + (1 - 2 * _MARGIN) * (values + noise.flatten(1)) / _LEVELS
    # The derivative of the logit by the stored value.
    slope = (1 - 2 * _MARGIN) / _LEVELS / (p * (1 - p))
    return p.logit(), slope.log().sum(1)


def _to_images(y: Tensor) -> Tensor:
    """The inverse of `_to_reals`, the noise within a bin dropped: (B, pixels) -> the same shape in [-1, 1]."""
    share = (y.sigmoid() - _MARGIN) / (1 - 2 * _MARGIN)
    return (share * _LEVELS).floor().clamp(0, _LEVELS - 1) / (_LEVELS - 1) * 2 - 1


def build(task: Task, wrap: Wrap, options: CouplingFlowOptions) -> CouplingFlow:
    """The whole contract: build the model for a task, with `wrap` around each network that may depend on u."""
    shape = task.target.shape
    return CouplingFlow(wrap(Couplings(math.prod(shape), options.width, options.couplings)), shape, options)
