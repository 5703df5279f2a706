"""A transformer over an image's codes whose sites a conditioner may fill; the `ar` backbone trains and samples it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Context, Prefix, Site

_INIT = 0.02  # standard deviation of embeddings, as in GPT-2
_HEAD_WIDTH = 32
_SHARPNESS = 2.0  # standard deviation of a query's scores of keys in random directions; the greatest is 11
_PERIODS = (4.0, 64.0)  # of the rotations, in positions of the grid: neighbours differ, and the far ends of a grid do


class Cache:
    """What a causal transformer remembers of the positions it has seen: each layer's keys and values."""

    def __init__(self, layers: int) -> None:
        self.layers: list[tuple[Tensor, Tensor] | None] = [None] * layers
        self.length = 0
        """How many codes it has seen; the keys and values of a prefix come on top."""

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Add new positions (B, heads, T, width) behind those of a layer; all of them so far."""
        past = self.layers[layer]
        if past is not None:
            key, value = torch.cat([past[0], key], dim=2), torch.cat([past[1], value], dim=2)
        self.layers[layer] = key, value
        return key, value


class Attention(nn.Module):
    """Multi-head attention with queries and keys of fixed length (Henry et al. 2020, arXiv:2010.04245), rotated.

    Without the first, Muon's steps, all of one size, would let the scores grow for as long as training lasts.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * heads * _HEAD_WIDTH)
        self.attended = nn.Linear(heads * _HEAD_WIDTH, width)
        nn.init.zeros_(self.attended.weight)
        nn.init.zeros_(self.attended.bias)

    def forward(self, v: Tensor, angles: Tensor, causal: bool, layer: int, cache: Cache | None) -> Tensor:
        """(B, T, C) at positions turned by ``angles`` (T, head width / 2) -> the same shape.

        With a cache that has seen positions, T is 1 and attention reaches those too.
        """
        projected = self.query_key_value(v).unflatten(-1, (3, self.heads, _HEAD_WIDTH))
        query, key, value = projected.movedim(1, -2).unbind(1)
        query, key = (_rotate(F.rms_norm(t, t.shape[-1:]), angles).to(value.dtype) for t in (query, key))
        if cache is not None:
            key, value = cache.extend(layer, key, value)
        # Spelt out: on a CPU the fused attention's backward pass takes a third of a training step of this network.
        scores = query @ key.mT * (_SHARPNESS / math.sqrt(_HEAD_WIDTH))
        if causal:
            ahead = torch.ones(scores.shape[-2:], dtype=torch.bool, device=v.device).triu(1 + key.shape[2] - v.shape[1])
            scores = scores.masked_fill(ahead, -math.inf)
        attended = scores.softmax(-1).to(value.dtype) @ value
        out: Tensor = self.attended(attended.transpose(1, 2).flatten(2))
        return out


class Block(nn.Module):
    """Attention and feed-forward side by side behind one norm and one site (Wang & Komatsuzaki 2021, GPT-J).

    In parallel they share the norm, and a conditioner acts once per layer.
    """

    def __init__(self, width: int, heads: int, feed_forward: int, causal: bool, dropout: float) -> None:
        super().__init__()
        self.causal = causal
        norm = nn.LayerNorm(width, elementwise_affine=False)
        self.site = Site(width, dim=-1, mixable=not causal, norm=norm)
        self.attention = Attention(width, heads)
        self.expand = nn.Linear(width, feed_forward)
        self.contract = nn.Linear(feed_forward, width)
        self.dropout = nn.Dropout(dropout)
        self.gate = Site(width, dim=-1, role="branch", mixable=not causal)
        nn.init.zeros_(self.contract.weight)
        nn.init.zeros_(self.contract.bias)

    def forward(self, h: Tensor, c: Context | None, angles: Tensor, layer: int, cache: Cache | None) -> Tensor:
        """(B, T, C) -> the same shape."""
        v = self.site(h, c)
        branch = self.attention(v, angles, self.causal, layer, cache) + self.contract(F.gelu(self.expand(v)))
        out: Tensor = h + self.gate(self.dropout(branch), c)
        return out


class Transformer(nn.Module):
    """Logits of codes on a grid, given codes (or nothing yet) and the context.

    The embedding of a code is its row in the output layer too (Press & Wolf 2017, arXiv:1608.05859). Positions are
    learned, and rotate queries and keys by row and by column (Su et al. 2021, arXiv:2104.09864), so that "the code
    above" need not be learned for each position anew.

    Args:
        codes: how many there are; the embedding has one row more, for `blank`.
        grid: rows and columns of an image's codes.
        width: channels.
        heads: of attention, 32 channels each.
        feed_forward: channels inside a feed-forward layer.
        layers: how many.
        causal: whether a position sees only those before it, and itself.
        dropout: the share of what each layer adds that training leaves out.
    """

    angles: Tensor

    def __init__(
        self,
        codes: int,
        grid: tuple[int, int],
        width: int,
        heads: int,
        feed_forward: int,
        layers: int,
        *,
        causal: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.codes = codes
        self.embedding = nn.Embedding(codes + 1, width)
        self.position = nn.Parameter(torch.randn(grid[0] * grid[1], width) * _INIT)
        nn.init.normal_(self.embedding.weight, std=_INIT)
        self.register_buffer("angles", _angles(grid), persistent=False)
        self.input = Site(width, dim=-1, role="input", mixable=not causal)
        self.prefix = Prefix(width)
        self.blocks = nn.ModuleList(Block(width, heads, feed_forward, causal, dropout) for _ in range(layers))
        norm = nn.LayerNorm(width, elementwise_affine=False)
        self.output = Site(width, dim=-1, role="output", mixable=not causal, norm=norm)

    def blank(self, batch: int, length: int) -> Tensor:
        """What stands where no code is known: (batch, length)."""
        return torch.full((batch, length), self.codes, device=self.position.device)

    def forward(self, known: Tensor, c: Context | None, cache: Cache | None = None) -> Tensor:
        """Codes (B, T), one for each position of the grid that logits are wanted for -> logits (B, T, codes).

        What is known for a position is up to the caller: a causal network gets the code before it. With a cache they
        follow what it has seen, T being 1.
        """
        first, count = 0 if cache is None else cache.length, known.shape[1]
        h = self.input(self.embedding(known) + self.position[first : first + count], c)
        angles = self.angles[first : first + count]
        if first == 0:
            h = self.prefix(h, c)
            angles = F.pad(angles, (0, 0, self.prefix.length, 0))
        for layer, block in enumerate(self.blocks):
            h = block(h, c, angles, layer, cache)
        if cache is not None:
            cache.length += count
        return F.linear(self.output(h[:, -count:], c), self.embedding.weight[: self.codes])


def _angles(grid: tuple[int, int]) -> Tensor:
    """How far each position of a grid, in reading order, turns: (rows * columns, head width / 2).

    The first half is turned by the row, the other by the column.
    """
    rows, columns = torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing="ij")
    shortest, longest = _PERIODS
    periods = torch.logspace(math.log2(shortest), math.log2(longest), _HEAD_WIDTH // 4, base=2)
    frequencies = 2 * math.pi / periods
    return torch.cat([rows.reshape(-1, 1) * frequencies, columns.reshape(-1, 1) * frequencies], dim=1)


def _rotate(t: Tensor, angles: Tensor) -> Tensor:
    """Turn each pair of t (B, heads, T, head width), its halves holding the pairs' first and second numbers."""
    first, second = t.chunk(2, dim=-1)
    cosine, sine = angles.cos(), angles.sin()
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
