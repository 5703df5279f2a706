"""Learned discrete codes of an image: an autoencoder with finite scalar quantisation, the first stage of `ar`.

Each latent number is rounded to one of a few levels, so the codebook is the product of the levels: nothing to learn,
and nothing that could collapse (Mentzer et al. 2023, arXiv:2309.15505).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench_plugins.networks.layers import ChannelNorm, Conv2d, divisible_by_4


class FiniteScalarQuantizer(nn.Module):
    """Rounds each of the last dimension's numbers to its own count of levels, evenly spaced over [-1, 1].

    A sigmoid bounds the numbers, where the paper has a tanh with an offset for even counts: all counts are alike here.
    """

    levels: Tensor
    strides: Tensor

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__()
        self.size = math.prod(levels)
        self.register_buffer("levels", torch.tensor(levels), persistent=False)
        strides = [math.prod(levels[:i]) for i in range(len(levels))]
        self.register_buffer("strides", torch.tensor(strides), persistent=False)

    def forward(self, z: Tensor) -> Tensor:
        """(..., D) of any range -> the nearest levels, (..., D) in [-1, 1]; gradients pass the rounding unchanged."""
        steps = (self.levels - 1) * z.float().sigmoid()
        return self._values(steps + (steps.round() - steps).detach())

    def encode(self, z: Tensor) -> Tensor:
        """(..., D) of any range -> codes (...), int64 in [0, size)."""
        steps = ((self.levels - 1) * z.float().sigmoid()).round().long()
        return (steps * self.strides).sum(-1)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes (...) -> their levels, (..., D) in [-1, 1]: what `forward` gave where `encode` gave the codes."""
        return self._values(codes[..., None] // self.strides % self.levels)

    def _values(self, steps: Tensor) -> Tensor:
        return 2.0 * steps / (self.levels - 1) - 1.0


class ResidualBlock(nn.Module):
    """h + conv(silu(conv(silu(norm(h)))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = ChannelNorm()
        self.first = Conv2d(width, width)
        self.second = Conv2d(width, width)

    def forward(self, h: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        out: Tensor = self.second(F.silu(self.first(F.silu(self.norm(h)))))
        return h + out


class CodeAutoencoder(nn.Module):
    """Image (B, C, H, W) <-> codes (B, H/4 * W/4) in reading order, one per patch of 4 x 4 pixels.

    A code sees and paints more than its own patch, through the convolutions over the grid of patches. What it paints
    are probabilities of ink, so that cross-entropy can train it: squared error, which cares less about faint strokes
    on an empty ground, leaves blur that costs a multiple of the FID.
    """

    patch = 4

    def __init__(self, shape: tuple[int, ...], levels: Sequence[int], width: int) -> None:
        super().__init__()
        channels, height, breadth = divisible_by_4(shape, "the autoencoder of ar")
        self.grid = (height // self.patch, breadth // self.patch)
        self.quantizer = FiniteScalarQuantizer(levels)
        patch_size = channels * self.patch**2
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(self.patch),
            Conv2d(patch_size, width),
            ResidualBlock(width),
            ChannelNorm(),
            nn.SiLU(),
            Conv2d(width, len(levels), 1),
        )
        self.decoder = nn.Sequential(
            Conv2d(len(levels), width),
            ResidualBlock(width),
            ChannelNorm(),
            nn.SiLU(),
            Conv2d(width, patch_size),
            nn.PixelShuffle(self.patch),
        )

    def loss(self, x: Tensor) -> Tensor:
        """The cross-entropy of images (B, C, H, W) in [-1, 1], read as probabilities of ink: nats per number."""
        logits = self._decode(self.quantizer(self._latent(x)))
        return F.binary_cross_entropy_with_logits(logits, (x + 1) / 2)

    def encode(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> codes (B, N), int64."""
        return self.quantizer.encode(self._latent(x)).flatten(1)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes (B, N) -> the image that they paint, (B, C, H, W) in [-1, 1]."""
        return 2 * self.paint(codes).sigmoid() - 1

    def paint(self, codes: Tensor) -> Tensor:
        """Codes (B, N) -> logits of ink (B, C, H, W)."""
        return self._decode(self.quantizer.decode(codes.reshape(-1, *self.grid)))

    def _latent(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, H/4, W/4, D)."""
        latent: Tensor = self.encoder(x.contiguous(memory_format=torch.channels_last))
        return latent.movedim(1, -1)

    def _decode(self, values: Tensor) -> Tensor:
        """Levels (B, H/4, W/4, D) -> logits of ink (B, C, H, W)."""
        logits: Tensor = self.decoder(values.movedim(-1, 1))
        return logits.float()
