"""Label planes: u's embedding, spread over all positions, is concatenated to the features at the input.

The usual way to tell a convolutional network what an image is of (Reed et al. 2016, arXiv:1605.05396, section 4.1). A
convolution of planes that are constant over the positions adds the same vector at each, as label-embedding does, but
for the borders: there its kernel reaches into the padding, and what it adds depends on the side.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from condbench.conditioning import Adapter, Context, DenseConditioner, Site
from condbench_plugins.conditioners.label_embedding import AddEmbedding
from condbench_plugins.options import ConcatOptions


class LabelPlanes(Adapter):
    """h + conv(planes(e)), 3 wide with zero padding, with conv zero at first: a convolution of [h, planes] that starts
    by passing h on. A vector is an image of one position."""

    def __init__(self, channels: int, dim: int, planes: int) -> None:
        super().__init__()
        self.planes = nn.Linear(dim, planes)
        self.mix = nn.Conv2d(planes, channels, 3, padding=1, bias=False)
        nn.init.zeros_(self.mix.weight)

    def forward(self, h: Tensor, c: Context) -> Tensor:
        """(B, H, W, C) or (B, C) -> the same shape."""
        height, width = h.shape[1:-1] or (1, 1)
        planes = self.planes(c.pooled)[:, :, None, None].expand(-1, -1, height, width)
        mixed: Tensor = self.mix(planes.contiguous(memory_format=torch.channels_last))
        return h + mixed.movedim(1, -1).reshape(h.shape)


class Concat(DenseConditioner):
    """Fills input sites.

    Where features come last, as in the vector that a GAN's generator starts from, the layers are linear, and
    concatenating is adding an embedding.
    """

    def __init__(self, options: ConcatOptions) -> None:
        self.options = options

    def adapter(self, site: Site, dim: int) -> Adapter | None:
        """Planes at the input of images, nothing behind it."""
        if site.role != "input":
            return None
        if site.dim == -1:
            return AddEmbedding(site.channels, dim)
        return LabelPlanes(site.channels, dim, self.options.planes)


def make(options: ConcatOptions) -> Concat:
    """The conditioner with its options."""
    return Concat(options)
