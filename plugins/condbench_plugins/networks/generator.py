"""A network that turns noise into an image in one pass: the generator of `backbones.gan`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Context, Site
from condbench_plugins.networks.layers import ChannelNorm, Conv2d, divisible_by_4

_HIDDEN = 128  # channels of the vector that the noise is mapped to


class _Block(nn.Module):
    """h + gate(convolution(SiLU(site(h))))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.site = Site(channels, norm=ChannelNorm())
        self.convolution = Conv2d(channels, channels)
        self.gate = Site(channels, role="branch")

    def forward(self, h: Tensor, c: Context | None) -> Tensor:
        change: Tensor = self.gate(self.convolution(F.silu(self.site(h, c))), c)
        return h + change


class Generator(nn.Module):
    """Noise to a vector, residual blocks at a quarter and at half of the resolution, then 2 x 2 pixels per position.

    No convolution runs at full resolution, where it would cost most and a pixel shuffle does as well. The norms are
    per position, so that a sample never depends on its batch.

    Args:
        shape: (C, H, W) of the images, H and W divisible by 4.
        latent: size of the noise.
        width: channels at a quarter of the resolution.
        fine_width: channels at half of it.
    """

    def __init__(self, shape: tuple[int, ...], latent: int, width: int, fine_width: int) -> None:
        super().__init__()
        channels, height, columns = divisible_by_4(shape, "the generator of gan")
        self.first = nn.Linear(latent, _HIDDEN)
        self.input = Site(_HIDDEN, dim=-1, role="input")
        self.spread = nn.Linear(_HIDDEN, height // 4 * (columns // 4) * width)
        self.unflatten = nn.Unflatten(1, (height // 4, columns // 4, width))
        self.coarse = nn.ModuleList(_Block(width) for _ in range(2))
        self.grow = Conv2d(width, 4 * fine_width, 1)
        self.fine = _Block(fine_width)
        self.output = Site(fine_width, role="output", norm=ChannelNorm())
        self.last = Conv2d(fine_width, 4 * channels)

    def forward(self, z: Tensor, c: Context | None) -> Tensor:
        """(B, latent) -> (B, C, H, W) in [-1, 1], float32."""
        h = self.spread(F.silu(self.input(self.first(z), c)))
        h = self.unflatten(h).movedim(-1, 1)  # channels-last in memory
        for block in self.coarse:
            h = block(h, c)
        h = F.pixel_shuffle(self.grow(h), 2).contiguous(memory_format=torch.channels_last)
        h = self.fine(h, c)
        h = self.last(F.silu(self.output(h, c)))
        return F.pixel_shuffle(h, 2).float().tanh()
