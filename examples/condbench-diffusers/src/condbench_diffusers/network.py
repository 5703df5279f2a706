"""diffusers' U-Net with condbench's sites in it.

The network is diffusers' own and passes no context on. So sites stand in for some of its layers, and the context is
left in each of them before a call.
"""

from __future__ import annotations

import torch
from diffusers import UNet2DModel
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn

from condbench.conditioning import Context, Site, sites
from condbench.errors import UserError

_GROUPS = 2  # of the group norms, so that widths may be any even number; diffusers' 32 suit wider networks


class PlantedSite(Site):
    """A site in a network that hands it no context: ``context`` is what the last call left here."""

    context: Context | None = None

    def forward(self, h: Tensor, c: Context | None = None) -> Tensor:
        """Features in, features of the same shape out."""
        return super().forward(h, self.context)


class SitedUNet(nn.Module):
    """`diffusers.UNet2DModel` of three resolutions, with attention at the lowest.

    Args:
        shape: (C, H, W) of the image.
        widths: channels at each resolution.

    Raises:
        UserError: where H or W is not a multiple of 4.
    """

    def __init__(self, shape: tuple[int, ...], widths: tuple[int, int, int]) -> None:
        super().__init__()
        channels, height, width = shape
        if height % 4 or width % 4:
            raise UserError(
                f"the U-Net of diffusers-unet halves images twice, so their height and width must be multiples of 4, "
                f"not {height} x {width}: choose another dataset, or pad this one's images."
            )
        unet = UNet2DModel(
            sample_size=(height, width),
            in_channels=channels,
            out_channels=channels,
            block_out_channels=widths,
            down_block_types=("DownBlock2D",) * 3,
            up_block_types=("UpBlock2D",) * 3,
            layers_per_block=1,
            norm_num_groups=_GROUPS,
            attn_norm_num_groups=_GROUPS,
            attention_head_dim=None,
            # Time scales and shifts behind the norm. Added before it, AdaIN, which replaces the norm, would undo it.
            resnet_time_scale_shift="scale_shift",
        )
        unet.conv_in = nn.Sequential(unet.conv_in, PlantedSite(widths[0], role="input"))
        for block in [module for module in unet.modules() if isinstance(module, ResnetBlock2D)]:
            block.norm2 = PlantedSite(block.out_channels, norm=block.norm2)
            block.conv2 = nn.Sequential(block.conv2, PlantedSite(block.out_channels, role="branch"))
        unet.conv_norm_out = PlantedSite(widths[0], role="output", norm=unet.conv_norm_out)
        self.unet = unet
        self.time_width = 4 * widths[0]

    def forward(self, x: Tensor, t: Tensor, c: Context | None) -> Tensor:
        """Noisy images (B, C, H, W) at steps (B,) or () of the noise schedule -> the same shape."""
        for site in sites(self.unet):
            assert isinstance(site, PlantedSite)
            site.context = c
        # The place for u that diffusers' network has itself, which `class_embedding` may fill.
        own = None if self.unet.class_embedding is None or c is None else c.pooled
        x = x.contiguous(memory_format=torch.channels_last)
        out: Tensor = self.unet(x, t, class_labels=own).sample
        return out
