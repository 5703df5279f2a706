"""adaLN-Zero: scale and shift in every layer, and a gate on what each residual branch adds (Peebles & Xie 2023,
arXiv:2212.09748, section 3.2).

DiT's gates are alpha(u), zero at first, so that each block starts as the identity. That start helps whatever the
conditioner, and must not be this one's alone: here it is the backbone's own matter, for all conditioners alike. The
branches of flow, diffusion, dit, ar and nf end in a layer that is zero at first, and so do all of latent-diffusion's
but its vector's; those of gan, stylegan, ebm and vae do not, and nothing of "-Zero" is left there but the name. What
stays of DiT's gate is its dependence on u, and so it is 1 + alpha(u).
"""

from __future__ import annotations

from torch import Tensor, nn

from condbench.conditioning import Adapter, Context, Site
from condbench_plugins.conditioners.film import FilmConditioner


class Gate(Adapter):
    """(1 + alpha(e)) * h, with alpha zero at first."""

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(dim, channels)
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def forward(self, h: Tensor, c: Context) -> Tensor:
        """(B, *extent, C) -> the same shape."""
        alpha: Tensor = self.project(c.pooled)
        return h * (1 + alpha.view(len(h), *[1] * (h.ndim - 2), -1))


class AdaLnZero(FilmConditioner):
    """Fills what FiLM fills, with the same, and the branches of every layer."""

    def adapter(self, site: Site, dim: int) -> Adapter | None:
        """A gate on a branch, modulation at the sites of every layer."""
        return Gate(site.channels, dim) if site.role == "branch" else super().adapter(site, dim)


def make(options: None) -> AdaLnZero:
    """The conditioner; it has no options."""
    return AdaLnZero()
