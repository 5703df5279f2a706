"""A hypernetwork (Ha et al. 2017, arXiv:1609.09106): u generates a change of the weights in every layer.

The change is of low rank (LoRA, Hu et al. 2022, arXiv:2106.09685): W (1 + U V^T) behind a site, with U and V of a few
columns each, generated from u. It is applied to the features instead of the weights, W (h + U V^T h), so that the
samples of a batch share W and no position costs more than 4 C rank FLOPs. Where FiLM scales each channel by itself,
this turns channels into one another. Where a backbone has a non-linearity between its site and the layer behind it, as
many have before their last layer, and gan, ebm and vae in their blocks, it is that, a mixing of channels, and no change
of the weights.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from condbench.conditioning import EVERY_LAYER, Adapter, Context, DenseConditioner, Site
from condbench_plugins.options import HyperOptions


class LowRank(Adapter):
    """h + U(e) V(e)^T h / sqrt(C), with U zero at first, and V not, so that a gradient reaches U."""

    def __init__(self, channels: int, dim: int, rank: int) -> None:
        super().__init__()
        self.rank = rank
        self.read = nn.Linear(dim, channels * rank)
        self.write = nn.Linear(dim, channels * rank)
        nn.init.zeros_(self.write.weight)
        nn.init.zeros_(self.write.bias)

    def forward(self, h: Tensor, c: Context) -> Tensor:
        """(B, *extent, C) -> the same shape; each position by itself."""
        positions = h.reshape(len(h), -1, h.shape[-1])
        read = self.read(c.pooled).view(len(h), -1, self.rank) / math.sqrt(h.shape[-1])
        write = self.write(c.pooled).view(len(h), self.rank, -1)
        changed: Tensor = positions + positions @ read @ write
        return changed.view(h.shape)


class Hyper(DenseConditioner):
    """Fills the sites of every layer behind the input."""

    def __init__(self, options: HyperOptions) -> None:
        self.options = options

    def adapter(self, site: Site, dim: int) -> Adapter | None:
        """A change of the weights behind the sites of every layer."""
        return LowRank(site.channels, dim, self.options.rank) if site.role in EVERY_LAYER else None


def make(options: HyperOptions) -> Hyper:
    """The conditioner with its options."""
    return Hyper(options)
