"""A batch of u and its encoding: what a model is given, and what adapters see of it.

::

    Condition (a batch of u) -> ConditionEncoder -> Context -> every Site -> its Adapter
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Condition:
    """A batch of u: one tensor per part of the task's condition, and which samples keep it.

    A sample whose ``kept`` is False has its condition dropped: encoders put a learned null in its place, which is
    what classifier-free guidance trains and uses (Ho & Salimans 2022, arXiv:2207.12598).
    """

    parts: tuple[Tensor, ...]
    kept: Tensor

    @classmethod
    def of(cls, *parts: Tensor) -> Condition:
        """All kept: ``Condition.of(labels)``."""
        return cls(parts, torch.ones(len(parts[0]), dtype=torch.bool, device=parts[0].device))

    @classmethod
    def cat(cls, conditions: Sequence[Condition]) -> Condition:
        """Concatenate along the batch."""
        parts = zip(*(u.parts for u in conditions), strict=True)
        return cls(tuple(torch.cat(part) for part in parts), torch.cat([u.kept for u in conditions]))

    def __len__(self) -> int:
        return len(self.kept)

    def __getitem__(self, index: Tensor | slice) -> Condition:
        """The samples at ``index``: a slice, positions (int64) or a mask (bool)."""
        return Condition(tuple(part[index] for part in self.parts), self.kept[index])

    def to(self, device: torch.device | str) -> Condition:
        """The same on another device."""
        return Condition(tuple(part.to(device) for part in self.parts), self.kept.to(device))

    def repeat(self, times: int) -> Condition:
        """The whole batch, ``times`` over: (times * B)."""
        return Condition.cat([self] * times)

    def dropped(self) -> Condition:
        """The same batch with every condition dropped."""
        return Condition(self.parts, torch.zeros_like(self.kept))

    def drop(self, rate: float, generator: torch.Generator) -> Condition:
        """Drop each sample's condition with probability ``rate``."""
        keep = torch.rand(len(self), generator=generator) >= rate
        return Condition(self.parts, self.kept & keep.to(self.kept.device))


@dataclass(frozen=True)
class Context:
    """An encoded batch of u, as adapters see it: ``pooled`` (B, D) of unit scale and ``tokens`` (B, T, D)."""

    pooled: Tensor
    tokens: Tensor


class ConditionEncoder(nn.Module):
    """u -> Context: each part's encoder, their tokens side by side, and a learned null for dropped conditions."""

    def __init__(self, parts: Sequence[nn.Module], dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.parts = nn.ModuleList(parts)
        self.null = nn.Parameter(torch.randn(1, 1, dim))

    def forward(self, u: Condition) -> Context:
        """Encode a batch."""
        tokens = torch.cat([encode(part) for encode, part in zip(self.parts, u.parts, strict=True)], dim=1)
        tokens = torch.where(u.kept[:, None, None], tokens, self.null)
        return Context(pooled=F.layer_norm(tokens.mean(1), (self.dim,)), tokens=tokens)
