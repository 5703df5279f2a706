"""The contract between backbone and conditioner, in torch: any backbone composes with any conditioner.

A backbone's author places *sites* in a network: slots that map features to features of the same shape. A conditioner
fills sites with *adapters*. The network never sees u, only an opaque context ``c`` that it hands to its sites::

    Condition (a batch of u) -> ConditionEncoder -> Context -> every Site -> its Adapter

`Conditioned` ties one network to its own encoder. `Conditioner.lift` turns a way to build an unconditional model into
a conditional model; dense conditioners do it by wrapping each network, others (label sampling) compose whole models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.specs import Task

if TYPE_CHECKING:
    from condbench.model import Model

Role = Literal["input", "hidden", "output"]


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


class Adapter(nn.Module):
    """What a conditioner puts into one site: ``forward(h, c)`` maps (B, *extent, C) to the same shape.

    It is neutral at initialisation (the identity, or its own norm), so that all conditioners start from the same
    network. With ``replaces_norm`` it stands in for the site's norm instead of following it.
    """

    replaces_norm: bool = False

    def forward(self, h: Tensor, c: Context) -> Tensor:
        """Adapt features to the context."""
        raise NotImplementedError


class Site(nn.Module):
    """A slot in a backbone's network where a conditioner may act; empty, it is just ``norm``.

    Args:
        channels: C, the size of dimension ``dim`` of the features.
        dim: the position of the channels in the features (1 for images, -1 for token sequences).
        role: "input" right behind a network's first layer, "output" right before its last, "hidden" elsewhere.
        mixable: False at causal sites, where no adapter may mix information across positions.
        norm: the backbone's own normalisation, which precedes the adapter.
    """

    def __init__(
        self,
        channels: int,
        *,
        dim: int = 1,
        role: Role = "hidden",
        mixable: bool = True,
        norm: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.channels, self.dim, self.role, self.mixable = channels, dim, role, mixable
        self.norm = norm
        self.adapter: Adapter | None = None

    def fill(self, adapter: Adapter | None) -> None:
        """Put an adapter in; one that replaces the norm takes its place for good."""
        self.adapter = adapter
        if adapter is not None and adapter.replaces_norm:
            self.norm = None

    def forward(self, h: Tensor, c: Context | None) -> Tensor:
        """Features in, features of the same shape out."""
        if self.norm is not None:
            h = self.norm(h)
        if self.adapter is None:
            return h
        adapted: Tensor = self.adapter(h.movedim(self.dim, -1), c)
        return adapted.movedim(-1, self.dim)


class Conditioned(nn.Module):
    """A network and its own encoder of u; without an encoder it is unconditional.

    ``evaluations`` counts the samples that went through it, for the network evaluations in reports.
    """

    def __init__(self, net: nn.Module, encoder: ConditionEncoder | None = None) -> None:
        super().__init__()
        self.net = net
        self.encoder = encoder
        self.evaluations = 0

    def forward(self, *args: Any, u: Condition, **kwargs: Any) -> Any:
        """``net(*args, c=encoder(u), **kwargs)``."""
        self.evaluations += len(u)
        return self.net(*args, c=None if self.encoder is None else self.encoder(u), **kwargs)


Wrap = Callable[[nn.Module], Conditioned]
"""What a backbone's ``build`` calls on each of its networks that may depend on u."""

Build = Callable[[Task, Wrap], "Model"]
"""The whole backbone contract: build a model for a task, wrapping each network. Its options are bound already."""

MakeEncoder = Callable[[], ConditionEncoder]
"""A fresh encoder for the task's condition."""


class Conditioner(Protocol):
    """The whole conditioner contract."""

    def lift(self, build: Build, task: Task, make_encoder: MakeEncoder) -> Model:
        """A conditional model out of a way to build one with its networks wrapped."""
        ...


class DenseConditioner:
    """Base of conditioners that act inside the network: one adapter per site that `adapter` wants to fill."""

    def adapter(self, site: Site, dim: int) -> Adapter | None:
        """The adapter for a site, given the encoder's embedding size ``dim``; None leaves the site as it is."""
        raise NotImplementedError

    def lift(self, build: Build, task: Task, make_encoder: MakeEncoder) -> Model:
        """Build the model with `Conditioned` around each network and its sites filled."""

        def wrap(net: nn.Module) -> Conditioned:
            encoder = make_encoder()
            for site in sites(net):
                site.fill(self.adapter(site, encoder.dim))
            return Conditioned(net, encoder)

        return build(task, wrap)


def sites(net: nn.Module) -> list[Site]:
    """All sites of a network, in the order of definition."""
    return [module for module in net.modules() if isinstance(module, Site)]
