"""diffusers' own conditioning: an embedding of u is added to that of time, which modulates every block.

As in Dhariwal & Nichol 2021, arXiv:2105.05233, section 3; it fits `diffusers-unet` only. Like all conditioners it
leaves embedding u to condbench's encoder, which also knows what to put where u is dropped.
"""

from __future__ import annotations

from torch import nn

from condbench.conditioning import DenseConditioner
from condbench_diffusers.network import SitedUNet


class ClassEmbedding(DenseConditioner):
    """Fills no site, but the place for u that diffusers' network has itself."""

    def fill(self, net: nn.Module, dim: int) -> None:
        """Project u's embedding to the width of time's, from zero, so that the network starts deaf to u."""
        assert isinstance(net, SitedUNet)
        project = nn.Linear(dim, net.time_width)
        nn.init.zeros_(project.weight)
        nn.init.zeros_(project.bias)
        net.unet.class_embedding = project


def make(options: None) -> ClassEmbedding:
    """The conditioner; it has no options."""
    return ClassEmbedding()
