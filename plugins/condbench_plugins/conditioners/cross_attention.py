"""Cross-attention from every position to the tokens of u, in every layer (Rombach et al. 2022, arXiv:2112.10752).

Over a single token the softmax is 1 and the result a bias that ignores h; encoders therefore give four or more.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Adapter, Context, DenseConditioner, Site
from condbench_plugins.options import CrossAttentionOptions


class CrossAttention(Adapter):
    """h + W_o attention(h W_q, t W_k, t W_v), with W_o zero at first."""

    def __init__(self, channels: int, dim: int, heads: int, head_width: int) -> None:
        super().__init__()
        width = heads * head_width
        self.heads = heads
        self.query = nn.Linear(channels, width, bias=False)
        self.key_value = nn.Linear(dim, 2 * width, bias=False)
        self.out = nn.Linear(width, channels)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, h: Tensor, c: Context) -> Tensor:
        """(B, *extent, C) -> the same shape."""
        positions = h.reshape(len(h), -1, h.shape[-1])
        query = self._split(self.query(positions))
        key, value = (self._split(part) for part in self.key_value(c.tokens).chunk(2, dim=-1))
        attended = F.scaled_dot_product_attention(query, key, value)
        attended = attended.transpose(1, 2).reshape(*positions.shape[:2], -1)
        return h + self.out(attended).reshape(h.shape)

    def _split(self, t: Tensor) -> Tensor:
        """(B, N, heads * width) -> (B, heads, N, width)."""
        return t.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class CrossAttentionConditioner(DenseConditioner):
    """Fills the sites of every layer behind the input."""

    def __init__(self, options: CrossAttentionOptions) -> None:
        self.options = options

    def adapter(self, site: Site, dim: int) -> Adapter | None:
        """Attention at hidden and output sites."""
        if site.role == "input":
            return None
        return CrossAttention(site.channels, dim, self.options.heads, self.options.head_width)


def make(options: CrossAttentionOptions) -> CrossAttentionConditioner:
    """The conditioner with its options."""
    return CrossAttentionConditioner(options)
