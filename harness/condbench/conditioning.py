"""The contract between backbone and conditioner, in torch: any backbone composes with any conditioner.

A backbone's author places *sites* in a network: slots that map features to features of the same shape. A conditioner
fills sites with *adapters*. The network never sees u, only an opaque context ``c`` that it hands to its sites.

`Conditioned` ties one network to its own encoder. `Conditioner.lift` turns a way to build an unconditional model into
a conditional model; dense conditioners do it by wrapping each network, others (label sampling) compose whole models.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from condbench.condition import Condition, ConditionEncoder, Context
from condbench.errors import UserError
from condbench.model import Model
from condbench.specs import Task

__all__ = [
    "EVERY_LAYER",
    "Adapter",
    "Build",
    "Condition",
    "ConditionEncoder",
    "Conditioned",
    "Conditioner",
    "Context",
    "DenseConditioner",
    "MakeEncoder",
    "Prefix",
    "Role",
    "Site",
    "Wrap",
    "adapters",
    "prefixes",
    "sites",
]

Role = Literal["input", "hidden", "branch", "output", "score"]
"""Where in its network a `Site` is."""

EVERY_LAYER: frozenset[Role] = frozenset({"hidden", "output", "score"})
"""The roles of the sites that a conditioner fills to act in every layer: all behind the input, but for gates."""


class Adapter(nn.Module):
    """What a conditioner puts into one site: ``forward(h, c)`` maps (B, *extent, C) to the same shape.

    It is neutral at initialisation (the identity, or its own norm), so that all conditioners start from the same
    network. With ``replaces_norm`` it stands in for the site's norm instead of following it; with ``mixes`` it lets
    positions see each other, as a norm over positions does.
    """

    replaces_norm: bool = False
    mixes: bool = False

    def forward(self, h: Tensor, c: Context) -> Tensor:
        """Adapt features to the context."""
        raise NotImplementedError


class Site(nn.Module):
    """A slot in a backbone's network where a conditioner may act; empty, it is just ``norm``.

    Args:
        channels: C, the size of dimension ``dim`` of the features.
        dim: the position of the channels in the features (1 for images, -1 for token sequences).
        role: where the site is.

            - "input": right behind a network's first layer;
            - "hidden": before the layers of a residual branch, or between layers;
            - "branch": on what a residual branch adds to its trunk, for gates;
            - "output": right before a network's last layer;
            - "score": the same, where that layer is linear and gives one number per sample, as a critic's does.
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
        """Put an adapter in; one that replaces the norm takes its place for good.

        Raises:
            UserError: if the adapter mixes positions and the site must not.
        """
        if adapter is not None and adapter.mixes and not self.mixable:
            raise UserError(
                f"{type(adapter).__name__} mixes positions, and a causal site must not: let the conditioner leave "
                "alone what is not mixable, or the backbone not offer 'positions'."
            )
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


class Prefix(nn.Module):
    """A slot in front of a sequence, where a conditioner may put tokens of its own; empty, it changes nothing.

    A backbone offers "sequence" where its network has one: it passes its embedded sequence through the slot, runs its
    layers over what comes out, and drops the first ``length`` positions before its last layer.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.adapter: nn.Module | None = None
        self.length = 0

    def fill(self, adapter: nn.Module | None, length: int) -> None:
        """Put in a module that maps a `Context` to ``length`` tokens (B, length, C)."""
        self.adapter, self.length = adapter, length

    def forward(self, h: Tensor, c: Context | None) -> Tensor:
        """(B, T, C) -> (B, length + T, C)."""
        return h if self.adapter is None else torch.cat([self.adapter(c).to(h.dtype), h], dim=1)


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
        if not torch.compiler.is_compiling():  # a counter would be compiled anew at every step
            self.evaluations += len(u)
        return self.net(*args, c=None if self.encoder is None else self.encoder(u), **kwargs)


Wrap = Callable[[nn.Module], Conditioned]
"""What a backbone's ``build`` calls on each of its networks that may depend on u."""

Build = Callable[[Task, Wrap], Model]
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

    def fill(self, net: nn.Module, dim: int) -> None:
        """Fill the sites of one network; a conditioner whose choice depends on the whole network overrides this."""
        for site in sites(net):
            site.fill(self.adapter(site, dim))

    def lift(self, build: Build, task: Task, make_encoder: MakeEncoder) -> Model:
        """Build the model with `Conditioned` around each network and its sites filled."""

        def wrap(net: nn.Module) -> Conditioned:
            encoder = make_encoder()
            self.fill(net, encoder.dim)
            return Conditioned(net, encoder)

        return build(task, wrap)


def sites(net: nn.Module) -> list[Site]:
    """All sites of a network, in the order of definition."""
    return [module for module in net.modules() if isinstance(module, Site)]


def prefixes(net: nn.Module) -> list[Prefix]:
    """All slots in front of a network's sequences, in the order of definition."""
    return [module for module in net.modules() if isinstance(module, Prefix)]


def adapters(net: nn.Module) -> list[nn.Module]:
    """What a conditioner has put into a network's sites and prefixes: u's own path, all that is not the backbone's."""
    slots: list[Site | Prefix] = [*sites(net), *prefixes(net)]
    return [slot.adapter for slot in slots if slot.adapter is not None]
