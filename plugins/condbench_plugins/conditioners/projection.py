"""The projection discriminator (Miyato & Koyama 2018, arXiv:1802.05637): an inner product of u and the features.

A critic's score w.h gets a term <V e, h> beside it, as log P(u|x) has where it is linear in the features (section 3):
the critic compares what it sees with what was asked for, and no other layer of it sees u. Generators, which have no
score, are modulated in every layer, as the paper's are by conditional batch norm.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from condbench.conditioning import Adapter, Context, sites
from condbench_plugins.conditioners.film import FilmConditioner


class Projection(Adapter):
    """h + v <V e, h> / sqrt(C), with V zero at first.

    The linear layer w behind the site makes w.h + (w.v) <V e, h> / sqrt(C) of it. v is random, so that w.v is not zero
    and a gradient reaches V. Adam moves all of V at once: the root keeps the inner product from leaping.
    """

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(dim, channels)
        self.direction = nn.Parameter(torch.randn(channels))
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def forward(self, h: Tensor, c: Context) -> Tensor:
        """(B, *extent, C) -> the same shape."""
        projected: Tensor = self.project(c.pooled)
        embedding = projected.view(len(h), *[1] * (h.ndim - 2), -1)
        product = (h * embedding).sum(-1, keepdim=True) / math.sqrt(h.shape[-1])
        return h + product * self.direction


class ProjectionConditioner(FilmConditioner):
    """An inner product where a network gives a score, modulation of every layer where it does not."""

    def fill(self, net: nn.Module, dim: int) -> None:
        """Fill the score sites only, or, in a network without any, what FiLM fills."""
        scores = [site for site in sites(net) if site.role == "score"]
        for site in scores:
            site.fill(Projection(site.channels, dim))
        if not scores:
            super().fill(net, dim)


def make(options: None) -> ProjectionConditioner:
    """The conditioner; it has no options."""
    return ProjectionConditioner()
