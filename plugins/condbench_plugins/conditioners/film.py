"""Feature-wise linear modulation in every layer (Perez et al. 2018, arXiv:1709.07871)."""

from __future__ import annotations

from torch import Tensor, nn

from condbench.conditioning import EVERY_LAYER, Adapter, Context, DenseConditioner, Site


class Film(Adapter):
    """(1 + gamma(e)) * h + beta(e), with gamma and beta zero at first."""

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


class FilmConditioner(DenseConditioner):
    """Fills the sites of every layer behind the input."""

    def adapter(self, site: Site, dim: int) -> Adapter | None:
        """Modulation at the sites of every layer."""
        return Film(site.channels, dim) if site.role in EVERY_LAYER else None


def make(options: None) -> FilmConditioner:
    """The conditioner; it has no options."""
    return FilmConditioner()
