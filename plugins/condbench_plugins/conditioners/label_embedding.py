"""The embedding joins at the input only: added to the features behind each network's first layer.

The oldest way to condition a convolutional network (Mirza & Osindero 2014, arXiv:1411.1784, concatenate the label to
the input; concatenation before a linear layer is an addition behind it).
"""

from __future__ import annotations

from torch import Tensor, nn

from condbench.conditioning import Adapter, Context, DenseConditioner, Site


class AddEmbedding(Adapter):
    """h + W e, with W zero at first."""

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(dim, channels)
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def forward(self, h: Tensor, c: Context) -> Tensor:
        """(B, *extent, C) -> the same shape."""
        shift: Tensor = self.project(c.pooled)
        return h + shift.view(len(h), *[1] * (h.ndim - 2), -1)


class LabelEmbedding(DenseConditioner):
    """Fills input sites."""

    def adapter(self, site: Site, dim: int) -> Adapter | None:
        """An added embedding at the input, nothing elsewhere."""
        return AddEmbedding(site.channels, dim) if site.role == "input" else None


def make(options: None) -> LabelEmbedding:
    """The conditioner; it has no options."""
    return LabelEmbedding()
