"""A transformer over the patches of a noisy image: the network of the `dit` backbone.

Patches are 4 x 4 pixels, so that a digit of 28 x 28 is a sequence of 49. Trained this little, a transformer lacks
what a convolution knows beforehand: that neighbours belong together. So patches are embedded and turned back into
pixels by a few convolutions at half resolution, around which a skip leads (Bao et al. 2023, arXiv:2209.12152, found
both to help), and each layer looks at its neighbours' features (`shifted`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Context, Prefix, Site, adapters
from condbench_plugins.networks.layers import Conv2d, divisible_by_4
from condbench_plugins.networks.unet import TimeEmbedding

_HEADS = 2
_POSITIONS = 0.1  # standard deviation of the embeddings of positions at first


class PatchTransformer(nn.Module):
    """A function of a noisy image and a time: (B, C, H, W), (B,) -> (B, C, H, W), zero at initialisation.

    Args:
        shape: (C, H, W) of the image.
        width: channels of a patch.
        feed_forward: channels within a feed-forward layer.
        stem_width: channels of the convolutions at half resolution.
        layers: attention and feed-forward, one behind the other.

    Raises:
        UserError: where H or W is not a multiple of 4.
    """

    def __init__(self, shape: tuple[int, ...], width: int, feed_forward: int, stem_width: int, layers: int) -> None:
        super().__init__()
        channels, height, width_of_image = divisible_by_4(shape, "the patch transformer of dit")
        self.grid = height // 4, width_of_image // 4
        self.time = TimeEmbedding()
        self.first = Conv2d(4 * channels, stem_width)
        self.encode = Convolution(stem_width)
        self.embed = Conv2d(stem_width, width, 2, stride=2)
        self.position = nn.Parameter(torch.randn(self.grid[0] * self.grid[1], width) * _POSITIONS)
        self.input = Site(width, dim=-1, role="input")
        self.prefix = Prefix(width)
        self.branches = nn.ModuleList()
        for _ in range(layers):
            for layer in (Attention(width), FeedForward(width, feed_forward)):
                self.branches.append(Branch(layer, width, self.grid, self.time.linear.out_features))
        self.output = Site(width, dim=-1, role="output", norm=nn.LayerNorm(width, elementwise_affine=False))
        self.unembed = Conv2d(width, 4 * stem_width, 1)
        self.decode = Convolution(stem_width)
        self.last = Conv2d(stem_width, 4 * channels)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor, t: Tensor, c: Context | None) -> Tensor:
        """Noisy images (B, C, H, W) at times (B,) -> the same shape."""
        time = self.time(t)
        skip = self.first(F.pixel_unshuffle(x, 2).contiguous(memory_format=torch.channels_last))
        skip = skip + self.encode(skip, c)
        h = self.embed(F.silu(skip)).movedim(1, -1).flatten(1, 2)
        h = self.prefix(self.input(h + self.position, c), c)
        for branch in self.branches:
            h = h + branch(h, time, c)
        h = self.output(h[:, self.prefix.length :], c)
        h = skip + F.pixel_shuffle(self.unembed(h.unflatten(1, self.grid).movedim(-1, 1)), 2)
        h = h + self.decode(h, c)
        return F.pixel_shuffle(self.last(F.silu(h)), 2)

    def hidden_weights(self) -> list[nn.Parameter]:
        """The matrices that every patch goes through, unlike those that the time or u alone goes through."""
        left_out = {self.last, *(module for adapter in adapters(self) for module in adapter.modules())}
        layers = [m for m in self.modules() if isinstance(m, Conv2d | Attention | FeedForward) and m not in left_out]
        return [p for layer in layers for p in layer.parameters() if p.ndim == 2]


class Convolution(nn.Module):
    """What a convolution at half resolution adds to its input: SiLU, convolution, gate."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = Conv2d(width, width)
        self.gate = Site(width, role="branch")
        nn.init.zeros_(self.layer.weight)

    def forward(self, h: Tensor, c: Context | None) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        out: Tensor = self.gate(self.layer(F.silu(h)), c)
        return out


class Branch(nn.Module):
    """What one layer adds to the trunk: norm and site, scale and shift by time, neighbours, the layer, gate."""

    def __init__(self, layer: nn.Module, width: int, grid: tuple[int, int], time_width: int) -> None:
        super().__init__()
        self.grid = grid
        self.site = Site(width, dim=-1, norm=nn.LayerNorm(width, elementwise_affine=False))
        self.time = nn.Linear(time_width, 2 * width)
        self.layer = layer
        self.gate = Site(width, dim=-1, role="branch")
        nn.init.zeros_(self.time.weight)
        nn.init.zeros_(self.time.bias)

    def forward(self, h: Tensor, time: Tensor, c: Context | None) -> Tensor:
        """(B, T, C) -> the same shape; ``time`` (B, time width). What stands in front has no neighbours."""
        scale, shift = self.time(time)[:, None].chunk(2, dim=-1)
        v = torch.addcmul(shift, self.site(h, c), 1 + scale)
        front = v.shape[1] - self.grid[0] * self.grid[1]
        image = shifted(v[:, front:].reshape(len(v), *self.grid, -1)).flatten(1, 2)
        v = torch.cat([v[:, :front], image], dim=1) if front else image
        out: Tensor = self.gate(self.layer(v), c)
        return out


class Attention(nn.Module):
    """Self-attention of all positions, queries and keys normalised (Dehghani et al. 2023, arXiv:2302.05442)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query_key_value = nn.Linear(width, 3 * width)
        self.sharpness = nn.Parameter(torch.ones(_HEADS, 1, 1))
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, v: Tensor) -> Tensor:
        """(B, T, C) -> the same shape."""
        query, key, value = (
            t.unflatten(-1, (_HEADS, -1)).transpose(1, 2) for t in self.query_key_value(v).chunk(3, dim=-1)
        )
        query = F.layer_norm(query, query.shape[-1:]) * (self.sharpness / query.shape[-1] ** 0.5)
        key = F.layer_norm(key, key.shape[-1:])
        # For so few positions, torch's fused attention takes three times as long on a processor, in bf16.
        weights = (query @ key.mT).softmax(-1)
        out: Tensor = self.out((weights.to(value.dtype) @ value).transpose(1, 2).flatten(2))
        return out


class FeedForward(nn.Module):
    """Two layers of each position, with the square of ReLU between them (So et al. 2021, arXiv:2109.08668)."""

    def __init__(self, width: int, feed_forward: int) -> None:
        super().__init__()
        self.expand = nn.Linear(width, feed_forward)
        self.contract = nn.Linear(feed_forward, width)
        nn.init.zeros_(self.contract.weight)
        nn.init.zeros_(self.contract.bias)

    def forward(self, v: Tensor) -> Tensor:
        """(B, T, C) -> the same shape."""
        out: Tensor = self.contract(F.relu(self.expand(v)).square())
        return out


def shifted(h: Tensor) -> Tensor:
    """Half of the channels come from the neighbours, an eighth from each side: (B, H, W, C) -> the same shape.

    Mixing what is local without any arithmetic (Yu et al. 2021, arXiv:2106.07477).
    """
    eighth = h.shape[-1] // 8
    left, right, up, down, own = torch.split(h, [eighth] * 4 + [h.shape[-1] - 4 * eighth], dim=-1)
    return torch.cat(
        [
            F.pad(left[:, :, 1:], (0, 0, 0, 1)),
            F.pad(right[:, :, :-1], (0, 0, 1, 0)),
            F.pad(up[:, 1:], (0, 0, 0, 0, 0, 1)),
            F.pad(down[:, :-1], (0, 0, 0, 0, 1, 0)),
            own,
        ],
        dim=-1,
    )
