"""The conditioner: u opens or closes each channel of each layer. `make` is what the registry names.

Like squeeze-and-excitation (Hu et al. 2018, arXiv:1709.01507), but the gates come from u instead of the features.
"""

from __future__ import annotations

from torch import Tensor, nn

from condbench.conditioning import EVERY_LAYER, Adapter, Context, DenseConditioner, Site


class Gate(Adapter):
    """h * 2 sigmoid(W e + b): what the conditioner puts into one site."""

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(dim, channels)
        # Neutral at the start: 2 sigmoid(0) = 1, so every conditioner begins with the same network.
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def forward(self, h: Tensor, c: Context) -> Tensor:
        """(B, *extent, C) -> the same shape. The site moves the channels last, for images and sequences alike."""
        gate: Tensor = 2 * self.project(c.pooled).sigmoid()
        return h * gate.view(len(h), *[1] * (h.ndim - 2), -1)


class GateConditioner(DenseConditioner):
    """`DenseConditioner` wraps each network of any backbone; only the choice of an adapter is left to say."""

    def adapter(self, site: Site, dim: int) -> Adapter | None:
        """A gate at every layer behind the first. None would leave a site empty."""
        return Gate(site.channels, dim) if site.role in EVERY_LAYER else None


def make(options: None) -> GateConditioner:
    """The conditioner; its spec names no options, so there are none."""
    return GateConditioner()
