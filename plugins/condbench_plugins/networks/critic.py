"""A network that gives an image one number: the discriminator of a GAN, the energy of `backbones.ebm`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Context, Site
from condbench_plugins.networks.layers import Conv2d, divisible_by_4

_SUMMARY = 128  # channels of the vector that an image is summed up in


class Critic(nn.Module):
    """Residual convolutions at a quarter of the resolution, then a vector, then a number.

    It is smooth (SiLU), since Langevin dynamics follow its gradient, and has no norm, which would hide how far an
    image is from the data. Its score site sits on the vector before a linear layer: modulation there is the inner
    product of a projection discriminator (Miyato & Koyama 2018, arXiv:1802.05637).

    Args:
        shape: (C, H, W) of the images, H and W divisible by 4.
        width: channels at a quarter of the resolution.
        depth: residual blocks.
        fine_width: channels at half of the resolution.
    """

    def __init__(self, shape: tuple[int, ...], width: int, depth: int, fine_width: int) -> None:
        super().__init__()
        channels, height, columns = divisible_by_4(shape, "the critic of gan, stylegan and ebm")
        positions = -(-height // 8) * -(-columns // 8)
        self.first = Conv2d(4 * channels, fine_width)
        self.input = Site(fine_width, role="input")
        self.shrink = Conv2d(fine_width, width, stride=2)
        self.sites = nn.ModuleList(Site(width) for _ in range(depth))
        self.convolutions = nn.ModuleList(Conv2d(width, width) for _ in range(depth))
        self.gates = nn.ModuleList(Site(width, role="branch") for _ in range(depth))
        self.gather = Conv2d(width, width, stride=2)
        self.summary = nn.Linear(width * positions, _SUMMARY)
        self.output = Site(_SUMMARY, role="score")
        self.last = nn.Linear(_SUMMARY, 1)

    def forward(self, x: Tensor, c: Context | None) -> Tensor:
        """(B, C, H, W) -> (B,), in float32."""
        h = F.pixel_unshuffle(x, 2).contiguous(memory_format=torch.channels_last)
        h = self.shrink(F.silu(self.input(self.first(h), c)))
        for site, convolution, gate in zip(self.sites, self.convolutions, self.gates, strict=True):
            h = h + gate(convolution(F.silu(site(h, c))), c)
        h = self.summary(F.silu(self.gather(F.silu(h))).flatten(1))
        score: Tensor = self.last(self.output(F.silu(h), c))
        return score[:, 0].float()
