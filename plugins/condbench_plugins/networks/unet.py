"""The U-Net of the backbones that see a noisy image: flow and diffusion.

At full resolution an image has many positions and few channels, on which a processor is slow. So 2 x 2 pixels
are folded into channels first, and two levels remain: 28 x 28 pixels become 14 x 14 with ``width`` channels and
7 x 7 with ``deep_width``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Context, Site
from condbench_plugins.networks.layers import ChannelNorm, Conv2d, divisible_by_4

TIME_WIDTH = 128
_FREQUENCIES = 32


class Block(nn.Module):
    """A residual block: norm and site, convolution, scale and shift by time, SiLU, convolution, gate."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.site = Site(channels, norm=ChannelNorm())
        self.first = Conv2d(channels, channels, bias=False)
        self.time = nn.Linear(TIME_WIDTH, 2 * channels)
        self.second = Conv2d(channels, channels)
        self.gate = Site(channels, role="branch")
        nn.init.zeros_(self.time.weight)
        nn.init.zeros_(self.time.bias)
        nn.init.zeros_(self.second.weight)

    def forward(self, h: Tensor, time: Tensor, c: Context | None) -> Tensor:
        """(B, C, H, W) -> the same shape; ``time`` (B, time width)."""
        scale, shift = self.time(time)[:, :, None, None].chunk(2, dim=1)
        inner = self.first(self.site(h, c))
        inner = F.silu(torch.addcmul(shift, inner, 1 + scale))
        out: Tensor = h + self.gate(self.second(inner), c)
        return out


class TimeEmbedding(nn.Module):
    """Times or noise levels, of order one, to features: Fourier features and a layer."""

    def __init__(self) -> None:
        super().__init__()
        # A quarter period to sixteen periods over the unit interval.
        frequencies = 2 * math.pi * torch.logspace(-2, 4, _FREQUENCIES, base=2)
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.frequencies: Tensor
        self.linear = nn.Linear(2 * _FREQUENCIES, TIME_WIDTH)

    def forward(self, t: Tensor) -> Tensor:
        """(B,) -> (B, time width)."""
        angles = t.float()[:, None] * self.frequencies
        return F.silu(self.linear(torch.cat([angles.cos(), angles.sin()], dim=1)))


class UNet(nn.Module):
    """A function of a noisy image and a time: (B, C, H, W), (B,) -> (B, C, H, W), zero at initialisation.

    Args:
        shape: (C, H, W) of the image.
        width: channels at half resolution.
        deep_width: channels at a quarter of the resolution.
        blocks: residual blocks at a quarter of the resolution.

    Raises:
        UserError: where H or W is not a multiple of 4.
    """

    def __init__(self, shape: tuple[int, ...], width: int, deep_width: int, blocks: int) -> None:
        super().__init__()
        channels, _, _ = divisible_by_4(shape, "the U-Net of flow and diffusion")
        self.time = TimeEmbedding()
        self.first = Conv2d(4 * channels, width)
        self.input = Site(width, role="input")
        self.encode = Block(width)
        self.down = Conv2d(width, deep_width, 2, stride=2)
        self.middle = nn.ModuleList(Block(deep_width) for _ in range(blocks))
        self.up = Conv2d(deep_width, 4 * width, 1)
        self.decode = Block(width)
        self.output = Site(width, role="output", norm=ChannelNorm())
        self.last = Conv2d(width, 4 * channels)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor, t: Tensor, c: Context | None) -> Tensor:
        """Noisy images (B, C, H, W) at times (B,) -> the same shape."""
        time = self.time(t)
        h = self.first(F.pixel_unshuffle(x, 2).contiguous(memory_format=torch.channels_last))
        skip: Tensor = self.encode(self.input(h, c), time, c)
        h = self.down(skip)
        for block in self.middle:
            h = block(h, time, c)
        h = skip + F.pixel_shuffle(self.up(h), 2)
        h = self.output(self.decode(h, time, c), c)
        return F.pixel_shuffle(self.last(F.silu(h)), 2)
