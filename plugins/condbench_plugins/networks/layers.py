"""Layers that several backbones share, made for channels-last features and for Muon."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.errors import UserError


class Conv2d(nn.Module):
    """A convolution whose weight is stored as a matrix (out, kernel * kernel * in), as Muon takes it.

    "Same" padding at stride 1 for odd kernels; a kernel of 2 at stride 2 sees patches that do not overlap.
    The matrix viewed as (out, kernel, kernel, in) is a channels-last kernel, so no copy is made.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int = 3, *, stride: int = 1, bias: bool = True
    ) -> None:
        super().__init__()
        self.in_channels, self.kernel, self.stride = in_channels, kernel, stride
        fan_in = in_channels * kernel * kernel
        self.weight = nn.Parameter(torch.empty(out_channels, fan_in).uniform_(-1, 1) / math.sqrt(fan_in))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None

    def forward(self, h: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H / stride, W / stride)."""
        kernel = self.weight.view(-1, self.kernel, self.kernel, self.in_channels).permute(0, 3, 1, 2)
        return F.conv2d(h, kernel, self.bias, stride=self.stride, padding=(self.kernel - 1) // 2)


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each position, without affine parameters.

    On channels-last features the normalised axis is contiguous: by far the fastest norm on a CPU.
    """

    def forward(self, h: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return F.layer_norm(h.movedim(1, -1), (h.shape[1],)).movedim(-1, 1)


def divisible_by_4(shape: tuple[int, ...], network: str) -> tuple[int, int, int]:
    """The (C, H, W) of images whose resolution a network, so named with its backbone, can halve twice.

    Raises:
        UserError: where H or W is not a multiple of 4.
    """
    channels, height, width = shape
    if height % 4 or width % 4:
        raise UserError(
            f"{network} halves images twice, so their height and width must be multiples of 4, "
            f"not {height} x {width}: choose another dataset, or pad this one's images."
        )
    return channels, height, width
