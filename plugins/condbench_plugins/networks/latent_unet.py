"""The network that denoises a small latent: convolutions at its positions, around one vector for all of it.

A U-Net whose lower level is a single position. A latent has few positions, each of which means a lot, so what belongs
together is seen at once in the vector, for the price of a convolution or two, and the convolutions put in the detail.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Context, Site
from condbench_plugins.networks.layers import ChannelNorm, Conv2d
from condbench_plugins.networks.unet import TIME_WIDTH, Block, TimeEmbedding

_THIN = 16  # channels of a position on the way to the vector and back


class LatentUNet(nn.Module):
    """A function of a noisy latent and a time: (B, C, H, W), (B,) -> (B, C, H, W), zero at initialisation.

    Args:
        shape: (C, H, W) of the latent, of any height and width.
        width: channels at its positions.
        vector_width: size of the vector.
    """

    def __init__(self, shape: tuple[int, ...], width: int, vector_width: int) -> None:
        super().__init__()
        channels, height, columns = shape
        self.time = TimeEmbedding()
        self.first = Conv2d(channels, width)
        self.input = Site(width, role="input")
        self.encode = Block(width)
        self.vector = _Vector((width, height, columns), vector_width)
        self.decode = Block(width)
        self.output = Site(width, role="output", norm=ChannelNorm())
        self.last = Conv2d(width, channels)
        nn.init.zeros_(self.last.weight)

    def forward(self, z: Tensor, t: Tensor, c: Context | None) -> Tensor:
        """Noisy latents (B, C, H, W) at times (B,) -> the same shape."""
        time = self.time(t)
        h = self.input(self.first(z.contiguous(memory_format=torch.channels_last)), c)
        h = self.encode(h, time, c)
        h = self.vector(h, time, c)
        h = self.output(self.decode(h, time, c), c)
        out: Tensor = self.last(F.silu(h))
        return out


class _Vector(nn.Module):
    """h + what a vector of all positions says: thinned, flattened, two residual blocks, and back."""

    def __init__(self, shape: tuple[int, int, int], width: int) -> None:
        super().__init__()
        channels, height, columns = shape
        size = _THIN * height * columns
        self.thin = Conv2d(channels, _THIN, 1)
        self.down = nn.Linear(size, width)
        self.blocks = nn.ModuleList(_VectorBlock(width) for _ in range(2))
        self.site = Site(width, dim=-1, norm=nn.LayerNorm(width, elementwise_affine=False))
        self.up = nn.Linear(width, size)
        self.unflatten = nn.Unflatten(1, (height, columns, _THIN))
        self.widen = Conv2d(_THIN, channels, 1)
        self.gate = Site(channels, role="branch")

    def forward(self, h: Tensor, time: Tensor, c: Context | None) -> Tensor:
        """(B, C, H, W) -> the same shape; ``time`` (B, time width)."""
        v = self.down(self.thin(h).movedim(1, -1).flatten(1))
        for block in self.blocks:
            v = block(v, time, c)
        v = self.unflatten(self.up(F.silu(self.site(v, c))))
        out: Tensor = h + self.gate(self.widen(v.movedim(-1, 1)), c)
        return out


class _VectorBlock(nn.Module):
    """v + gate(linear(silu(scale and shift by time(linear(site(v))))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.site = Site(width, dim=-1, norm=nn.LayerNorm(width, elementwise_affine=False))
        self.first = nn.Linear(width, width, bias=False)
        self.time = _zeroed(nn.Linear(TIME_WIDTH, 2 * width))
        self.second = _zeroed(nn.Linear(width, width))
        self.gate = Site(width, dim=-1, role="branch")

    def forward(self, v: Tensor, time: Tensor, c: Context | None) -> Tensor:
        """(B, C) -> the same shape; ``time`` (B, time width)."""
        scale, shift = self.time(time).chunk(2, dim=-1)
        inner = F.silu(torch.addcmul(shift, self.first(self.site(v, c)), 1 + scale))
        out: Tensor = v + self.gate(self.second(inner), c)
        return out


def _zeroed(linear: nn.Linear) -> nn.Linear:
    """With weights and biases of zero."""
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
