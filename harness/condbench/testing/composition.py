"""What checks of backbones and conditioners work on: a pair that can be built as often as they like.

A backbone meets the kit's own conditioner, a conditioner the kit's own small backbones, and both meet the other side
of the matrix: the built-in plugins and those of their own distribution.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import torch

from condbench.building import bind, encoder_maker, settle
from condbench.conditioning import Build, Conditioned, Conditioner
from condbench.errors import UserError
from condbench.matrix import incompatible
from condbench.model import Model
from condbench.options import options_model
from condbench.registry import Catalogue, Entry, Registry, resolve
from condbench.specs import BackboneSpec, ConditionerSpec, DatasetSpec, Domain, EncoderSpec, Kind, Spec, Task
from condbench.testing.outcome import NotApplicable
from condbench.testing.partners import SMALL_BACKBONES, Everywhere

S = TypeVar("S", bound=Spec)

DOMAINS: dict[Kind, Domain] = {
    "image": Domain("image", (1, 28, 28)),
    "video": Domain("video", (4, 1, 28, 28)),
    "tokens": Domain("tokens", (16,), 32),
    "class": Domain("class", (), 10),
}
_IMAGES = (DOMAINS["image"], Domain("image", (1, 32, 32)), Domain("image", (3, 32, 32)), Domain("image", (3, 64, 64)))
"""Not every network suits every size; the first that a backbone accepts is taken."""

BUILT_IN = "condbench"
"""The distribution whose plugins everybody's must compose with."""


@dataclass(frozen=True)
class Composition:
    """A backbone and a conditioner, and the task that they are built for."""

    name: str
    task: Task
    make: Callable[[], Model]
    offers: frozenset[str] = frozenset()

    def build(self, seed: int = 0) -> Model:
        """An untrained model; the same seed gives the same one."""
        settle(1, seed)
        return self.make()


def of_backbone(entry: Entry[BackboneSpec], registry: Registry) -> Composition:
    """A backbone with a conditioner that fills all of its sites, for the first size of image that suits it."""
    bound = bind(entry.spec, defaults(entry))
    encoders = _encoders(entry, registry)
    condition = DOMAINS["class" if "class" in encoders else min(encoders)]
    task = Task(_suiting(entry), (condition,))
    make_encoder = encoder_maker(list(encoders.values()), task)
    return Composition(entry.spec.name, task, lambda: Everywhere().lift(bound, task, make_encoder), entry.spec.offers)


@cache
def _suiting(entry: Entry[BackboneSpec]) -> Domain:
    """A domain that a backbone can be built for.

    Raises:
        UserError: if none suits it, with what it said of the last.
    """
    bound, condition = bind(entry.spec, defaults(entry)), DOMAINS["class"]
    *others, last = _IMAGES if "image" in entry.spec.models else [DOMAINS[min(entry.spec.models)]]
    for target in others:
        with suppress(UserError):
            bound(Task(target, (condition,)), Conditioned)
            return target
    bound(Task(last, (condition,)), Conditioned)
    return last


def of_conditioner(entry: Entry[ConditionerSpec], registry: Registry) -> list[Composition]:
    """A conditioner in each of the kit's backbones that has what it needs; or else in an installed one that has.

    Raises:
        NotApplicable: if nothing installed has it.
    """
    encoders = _encoders(entry, registry)
    accepted = sorted(entry.spec.accepts & encoders.keys() if entry.spec.uses_encoder else entry.spec.accepts)
    if not accepted:
        kinds = ", ".join(sorted(entry.spec.accepts))
        raise NotApplicable(f"no encoder for a condition of kind {kinds} is installed")
    condition = DOMAINS["class" if "class" in accepted else accepted[0]]
    task = Task(DOMAINS["image"], (condition,))
    small = [
        Composition(f"{entry.spec.name} in {one.name}", task, _lifted(entry, one.build, task, encoders), one.offers)
        for one in SMALL_BACKBONES
        if entry.spec.needs <= one.offers
    ]
    if small:
        return small
    for backbone in registry.backbones:
        if entry.spec.needs <= backbone.spec.offers:
            return [pair(backbone, entry, registry)]
    raise NotApplicable(f"no backbone that is installed offers {' and '.join(sorted(entry.spec.needs))}")


def pair(backbone: Entry[BackboneSpec], conditioner: Entry[ConditionerSpec], registry: Registry) -> Composition:
    """An installed backbone with an installed conditioner.

    Raises:
        NotApplicable: if they do not fit, with the reason that the matrix gives.
    """
    target = _suiting(backbone)
    kind: Kind = "class" if "class" in conditioner.spec.accepts else min(conditioner.spec.accepts)
    data = DatasetSpec("conformance", "", "", "", target_kind=target.kind, condition_kinds=(kind,))
    if reason := incompatible(data, backbone.spec, conditioner.spec, registry.encoders):
        raise NotApplicable(reason)
    task = Task(target, (DOMAINS[kind],))
    make = _lifted(conditioner, bind(backbone.spec, defaults(backbone)), task, _encoders(conditioner, registry))
    return Composition(f"{backbone.spec.name} with {conditioner.spec.name}", task, make, backbone.spec.offers)


def partners(entry: Entry[Any], catalogue: Catalogue[S]) -> list[tuple[str, Entry[S]]]:
    """Those that a plugin must compose with, by name: the built-in ones, and its own distribution's."""
    found = [other for other in catalogue if other.plugin.distribution in (BUILT_IN, entry.plugin.distribution)]
    names = Counter(other.spec.name for other in found)
    return [(other.spec.name if names[other.spec.name] == 1 else other.qualified, other) for other in found]


def defaults(entry: Entry[S]) -> object:
    """A plugin's options as they are if nobody asks for any."""
    reference: str | None = getattr(entry.spec, "options", None)
    return None if reference is None else options_model(entry, reference)()


def _lifted(
    entry: Entry[ConditionerSpec], build: Build, task: Task, encoders: dict[Kind, EncoderSpec]
) -> Callable[[], Model]:
    def make() -> Model:
        conditioner: Conditioner = resolve(entry.spec.target)(defaults(entry))
        return conditioner.lift(build, task, encoder_maker(list(encoders.values()), task))

    return make


def _encoders(entry: Entry[S], registry: Registry) -> dict[Kind, EncoderSpec]:
    """One encoder for each kind of condition: the plugin's own distribution's before the built-in ones, then any."""
    order = {entry.plugin.distribution: 2, BUILT_IN: 1}
    ranked: Iterable[Entry[EncoderSpec]] = sorted(
        registry.encoders, key=lambda other: order.get(other.plugin.distribution, 0)
    )
    return {other.spec.encodes: other.spec for other in ranked}


def drawn(domain: Domain, size: int, generator: torch.Generator) -> torch.Tensor:
    """A random batch from a domain, as models take it; of a class, all labels in turn."""
    if domain.kind == "class":
        return torch.arange(size) % domain.size
    if domain.kind == "tokens":
        return torch.randint(domain.size, (size, *domain.shape), generator=generator)
    return torch.randint(256, (size, *domain.shape), generator=generator) / 127.5 - 1
