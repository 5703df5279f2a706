"""A continuous autoencoder that keeps an image's layout: the first stage of `latent-diffusion`.

Rombach et al. 2022, arXiv:2112.10752, section 3.1. Their latent is kept from growing by a light KL divergence; here it
is standardised, and noise is added before the decoder sees it. So the decoder learns to take a latent that is slightly
off, which is what a denoiser gives it, and the noise sets how much a latent can tell.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench_plugins.networks.layers import ChannelNorm, Conv2d, divisible_by_4

_MOMENTUM = 0.05  # of the statistics, a step


class _Block(nn.Module):
    """h + convolution(silu(convolution(silu(norm(h)))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = ChannelNorm()
        self.first = Conv2d(width, width)
        self.second = Conv2d(width, width)
        nn.init.zeros_(self.second.weight)

    def forward(self, h: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        out: Tensor = self.second(F.silu(self.first(F.silu(self.norm(h)))))
        return h + out


class Autoencoder(nn.Module):
    """Image (B, C, H, W) in [-1, 1] <-> latent (B, channels, H/4, W/4) of zero mean and unit deviation per channel.

    Args:
        shape: (C, H, W) of the image.
        channels: of the latent.
        width: features at a quarter of the resolution; half as many at half of it.

    Raises:
        UserError: where H or W is not a multiple of 4.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, shape: tuple[int, ...], channels: int, width: int) -> None:
        super().__init__()
        colours, height, columns = divisible_by_4(shape, "the autoencoder of latent-diffusion")
        self.latent_shape = (channels, height // 4, columns // 4)
        half = width // 2
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2),
            Conv2d(4 * colours, half),
            _Block(half),
            Conv2d(half, width, 2, stride=2),
            _Block(width),
            ChannelNorm(),
            nn.SiLU(),
            Conv2d(width, channels, 1),
        )
        self.decoder = nn.Sequential(
            Conv2d(channels, width),
            _Block(width),
            _Block(width),
            Conv2d(width, 4 * half, 1),
            nn.PixelShuffle(2),
            _Block(half),
            ChannelNorm(),
            nn.SiLU(),
            Conv2d(half, 4 * colours),
            nn.PixelShuffle(2),
        )
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, x: Tensor, noise: float) -> Tensor:
        """Logits of the ink as a latent with noise of this deviation tells it; moves the statistics.

        A batch is standardised by its own statistics, so that the encoder cannot drown the noise.
        """
        z = self._standardised(x, own=True)
        return self.decode(z + noise * torch.randn_like(z))

    def encode(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, channels, H/4, W/4), float32."""
        return self._standardised(x, own=False)

    def decode(self, z: Tensor) -> Tensor:
        """Latents -> logits of the ink (B, C, H, W), float32."""
        logits: Tensor = self.decoder(z.contiguous(memory_format=torch.channels_last))
        return logits.float()

    def _standardised(self, x: Tensor, *, own: bool) -> Tensor:
        """The latent by the batch's own statistics, which then move those that are kept, or by these."""
        raw: Tensor = self.encoder(x.contiguous(memory_format=torch.channels_last))
        return F.batch_norm(raw.float(), self.mean, self.variance, training=own, momentum=_MOMENTUM)
