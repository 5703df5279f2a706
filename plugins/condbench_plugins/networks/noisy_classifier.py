"""A classifier of noisy images or latents at every noise level; `conditioners.classifier_guidance` trains it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.errors import UserError
from condbench_plugins.networks.layers import ChannelNorm, Conv2d, divisible_by_4
from condbench_plugins.networks.unet import TimeEmbedding

_WIDTH, _WIDTH_OF_LATENTS = 64, 32
_BLOCKS = 2
_LARGE = 16  # from this resolution on, z is brought down to a quarter of it first


class _Block(nn.Module):
    """A residual block: norm, scale and shift by the noise level, SiLU, convolution."""

    def __init__(self, channels: int, time_width: int) -> None:
        super().__init__()
        self.norm = ChannelNorm()
        self.time = nn.Linear(time_width, 2 * channels)
        self.convolution = Conv2d(channels, channels)
        nn.init.zeros_(self.convolution.weight)

    def forward(self, h: Tensor, time: Tensor) -> Tensor:
        """(B, C, H, W), (B, time width) -> (B, C, H, W)."""
        scale, shift = self.time(time)[:, :, None, None].chunk(2, dim=1)
        out: Tensor = h + self.convolution(F.silu(torch.addcmul(shift, self.norm(h), 1 + scale)))
        return out


class NoisyClassifier(nn.Module):
    """Logits of the classes, given z = data + sigma * noise and sigma.

    It shares a budget with the model that it steers, so it is narrow where z is small already, as a latent is: there a
    step of the model is cheap too. It is smooth (SiLU), because its gradient is used.

    Args:
        shape: (C, H, W) of z.
        classes: how many there are.

    Raises:
        UserError: where z has no rows and columns, or is large and its height or width is not a multiple of 4.
    """

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        if len(shape) != 3:
            raise UserError(f"the classifier of noisy images needs data of shape (C, H, W), not {shape}")
        channels, height, width = shape
        self.large = min(height, width) >= _LARGE
        if self.large:
            divisible_by_4(shape, "the classifier of noisy images")
            channels, height, width = 4 * channels, height // 4, width // 4
        inner = _WIDTH if self.large else _WIDTH_OF_LATENTS
        self.time = TimeEmbedding()
        self.first = Conv2d(channels, inner, stride=2 if self.large else 1)
        self.blocks = nn.ModuleList(_Block(inner, self.time.linear.out_features) for _ in range(_BLOCKS))
        self.gather = Conv2d(inner, inner, stride=2)
        self.last = nn.Linear(inner * -(-height // 2) * -(-width // 2), classes)
        nn.init.zeros_(self.last.weight)

    def forward(self, z: Tensor, sigma: Tensor) -> Tensor:
        """(B, C, H, W), noise levels (B,) -> (B, classes) in float32."""
        # As a denoiser of Karras et al. 2022 (arXiv:2206.00364, table 1) sees them, of order one at every noise level.
        unit = z / (sigma.square() + 1).sqrt()[:, None, None, None]
        time = self.time(sigma.log() / 4)
        h = F.pixel_unshuffle(unit, 2) if self.large else unit
        h = self.first(h.contiguous(memory_format=torch.channels_last))
        for block in self.blocks:
            h = block(h, time)
        logits: Tensor = self.last(F.silu(self.gather(F.silu(h))).flatten(1))
        return logits.float()
