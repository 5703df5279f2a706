"""Adaptive instance normalisation (Huang & Belongie 2017, arXiv:1703.06868; in generators: Karras et al. 2019).

Each channel of each sample is normalised over its positions, then scaled and shifted as u says. Where a site has a
single position there is nothing to normalise over, so the channels are normalised instead. It takes the place of the
norm that stands at a site; where none does, as in a critic, it scales and shifts alone: a norm there would change the
backbone, and the table would not tell its part from u's.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import EVERY_LAYER, Adapter, Context, DenseConditioner, Site
from condbench_plugins.conditioners.film import Film


class AdaIn(Adapter):
    """(1 + gamma(e)) * norm(h) + beta(e), with gamma and beta zero at first."""

    replaces_norm = True
    mixes = True

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(dim, 2 * channels)
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def forward(self, h: Tensor, c: Context) -> Tensor:
        """(B, *extent, C) -> the same shape."""
        modulation: Tensor = self.project(c.pooled)
        gamma, beta = modulation.view(len(h), *[1] * (h.ndim - 2), -1).chunk(2, dim=-1)
        return _normalise(h) * (1 + gamma) + beta


def _normalise(h: Tensor) -> Tensor:
    """Zero mean and unit variance over the positions of each channel, or over the channels of a single position."""
    if h.shape[1:-1].numel() <= 1:
        return F.layer_norm(h, h.shape[-1:])
    positions = tuple(range(1, h.ndim - 1))
    mean = h.mean(positions, keepdim=True)
    variance = (h - mean).square().mean(positions, keepdim=True)
    return (h - mean) * (variance + 1e-5).rsqrt()


class AdaInConditioner(DenseConditioner):
    """Fills the sites of every layer behind the input, in place of their norms."""

    def adapter(self, site: Site, dim: int) -> Adapter | None:
        """Adaptive normalisation in the place of norms, scale and shift alone in layers that have none."""
        if site.role not in EVERY_LAYER:
            return None
        return Film(site.channels, dim) if site.norm is None else AdaIn(site.channels, dim)


def make(options: None) -> AdaInConditioner:
    """The conditioner; it has no options."""
    return AdaInConditioner()
