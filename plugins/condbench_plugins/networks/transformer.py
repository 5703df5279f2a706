"""A causal transformer over codes whose sites a conditioner may fill; the `ar` backbone trains and samples it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Context, Site

_INIT = 0.02  # standard deviation of embeddings, as in GPT-2


class Cache:
    """What a causal transformer remembers of the positions it has seen: each layer's keys and values."""

    def __init__(self, layers: int) -> None:
        self.layers: list[tuple[Tensor, Tensor] | None] = [None] * layers
        self.length = 0

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Add new positions (B, heads, T, width) behind those of a layer; all of them so far."""
        past = self.layers[layer]
        if past is not None:
            key, value = torch.cat([past[0], key], dim=2), torch.cat([past[1], value], dim=2)
        self.layers[layer] = key, value
        return key, value


class Block(nn.Module):
    """Attention and feed-forward side by side behind one norm and one site (Wang & Komatsuzaki 2021, GPT-J).

    In parallel they share the norm, and a conditioner acts once per layer.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.site = Site(width, dim=-1, mixable=False, norm=nn.LayerNorm(width, elementwise_affine=False))
        self.query_key_value = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)
        for last in (self.attended, self.contract):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, h: Tensor, c: Context | None, layer: int, cache: Cache | None) -> Tensor:
        """(B, T, C) -> the same shape; with a cache, T is 1 and attention reaches the cached positions too."""
        v = self.site(h, c)
        query, key, value = (
            t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in self.query_key_value(v).chunk(3, dim=-1)
        )
        if cache is not None:
            key, value = cache.extend(layer, key, value)
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=cache is None)
        out: Tensor = self.attended(attended.transpose(1, 2).flatten(2)) + self.contract(F.gelu(self.expand(v)))
        return h + out


class CausalTransformer(nn.Module):
    """Logits of each code given those before it and the context.

    The embedding of a code is its row in the output layer too (Press & Wolf 2017, arXiv:1608.05859).
    """

    def __init__(self, codes: int, length: int, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.codes = codes
        self.embedding = nn.Embedding(codes + 1, width)  # the last row starts a sequence
        self.position = nn.Parameter(torch.randn(length, width) * _INIT)
        nn.init.normal_(self.embedding.weight, std=_INIT)
        self.input = Site(width, dim=-1, role="input", mixable=False)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        norm = nn.LayerNorm(width, elementwise_affine=False)
        self.output = Site(width, dim=-1, role="output", mixable=False, norm=norm)

    def start(self, batch: int) -> Tensor:
        """What stands before the first code: (batch, 1)."""
        return torch.full((batch, 1), self.codes, device=self.position.device)

    def forward(self, previous: Tensor, c: Context | None, cache: Cache | None = None) -> Tensor:
        """Codes (B, T), each the one before the code to predict -> logits (B, T, codes).

        Without a cache they start with `start`; with one, T is 1 and they follow what the cache has seen.
        """
        first = 0 if cache is None else cache.length
        h = self.embedding(previous) + self.position[first : first + previous.shape[1]]
        h = self.input(h, c)
        for layer, block in enumerate(self.blocks):
            h = block(h, c, layer, cache)
        if cache is not None:
            cache.length += previous.shape[1]
        return F.linear(self.output(h, c), self.embedding.weight[: self.codes])
