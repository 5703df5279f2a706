"""Scales each channel by what u says."""

from __future__ import annotations

from torch import Tensor, nn

from condbench.conditioning import Adapter, Context, DenseConditioner, Site


class Scale(Adapter):
    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(dim, channels)
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def forward(self, h: Tensor, c: Context) -> Tensor:
        gamma = self.project(c.pooled)
        gamma = gamma.view(len(h), *[1] * (h.ndim - 2), -1)
        return h * (1 + gamma)


class ScaleConditioner(DenseConditioner):
    def adapter(self, site: Site, dim: int) -> Adapter | None:
        return Scale(site.channels, dim) if site.role != "branch" else None


def make(options: None) -> ScaleConditioner:
    return ScaleConditioner()
