"""Finds, validates, attributes and quarantines plugins.

Each plugin is loaded, registered and asked for its specs inside one guard: if anything goes wrong nothing of it stays,
the reason is kept, and everything else works. Importing this file and loading the built-in plugins imports no torch.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, fields
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

import pluggy

from condbench import hookspecs
from condbench.errors import UserError, unknown
from condbench.specs import (
    BackboneSpec,
    ConditionerSpec,
    DatasetSpec,
    EncoderSpec,
    ExecutorSpec,
    MetricSpec,
    ReporterSpec,
    Spec,
)

S = TypeVar("S", bound=Spec)

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_TARGET = re.compile(r"[\w.]+:\w+")


class BrokenPlugin(Exception):  # noqa: N818 - a state, not a fault of the host
    """A plugin does not keep the contract; the message says how."""


@dataclass(frozen=True)
class Plugin:
    """An installed plugin and what became of it: active, or quarantined with the error in a line."""

    distribution: str
    version: str
    entry_point: str
    error: str = ""

    @property
    def state(self) -> str:
        """active or quarantined."""
        return "quarantined" if self.error else "active"


@dataclass(frozen=True)
class Entry(Generic[S]):
    """A spec with the plugin that it is from."""

    spec: S
    plugin: Plugin

    @property
    def qualified(self) -> str:
        """``distribution:name``, which is never ambiguous."""
        return f"{self.plugin.distribution}:{self.spec.name}"


class Catalogue(Generic[S]):
    """All specs of one kind, looked up by ``name`` or ``distribution:name``."""

    def __init__(self, kind: str, entries: Iterable[Entry[S]], quarantined: list[Plugin]) -> None:
        self.kind = kind
        self.entries = list(entries)
        self._quarantined = quarantined

    def __iter__(self) -> Iterator[Entry[S]]:
        return iter(self.entries)

    def names(self) -> list[str]:
        """Every name once, in order of registration."""
        return list(dict.fromkeys(entry.spec.name for entry in self.entries))

    def get(self, name: str) -> Entry[S]:
        """The entry of that name.

        Raises:
            UserError: if there is none (with the closest names and any quarantined plugin), or if two distributions
                have it and the name does not say whose.
        """
        found = [entry for entry in self.entries if name in (entry.spec.name, entry.qualified)]
        if len(found) > 1:
            raise UserError(
                f"the {self.kind} '{name}' is in {len(found)} distributions; say which: "
                f"{' or '.join(entry.qualified for entry in found)}."
            )
        if not found:
            broken = "; ".join(f"{p.distribution} is quarantined: {p.error}" for p in self._quarantined)
            raise unknown(self.kind, name, self.names(), hint=f"({broken})" if broken else "")
        return found[0]


class Registry:
    """Everything that the installed plugins provide."""

    def __init__(self, points: Iterable[EntryPoint]) -> None:
        self._manager = pluggy.PluginManager("condbench")
        self._manager.add_hookspecs(hookspecs)
        self.plugins: list[Plugin] = []
        self._observers: list[tuple[Plugin, object]] = []
        specs: dict[type[Spec], list[Entry[Any]]] = {kind: [] for kind in _KINDS}
        for point in sorted(points, key=lambda point: (point.dist.name if point.dist else "", point.name)):
            plugin, yielded = self._load(point)
            self.plugins.append(plugin)
            for spec in yielded:
                specs[type(spec)].append(Entry(spec, plugin))
        broken = [plugin for plugin in self.plugins if plugin.error]
        self.backbones: Catalogue[BackboneSpec] = Catalogue("backbone", specs[BackboneSpec], broken)
        self.conditioners: Catalogue[ConditionerSpec] = Catalogue("conditioner", specs[ConditionerSpec], broken)
        self.encoders: Catalogue[EncoderSpec] = Catalogue("encoder", specs[EncoderSpec], broken)
        self.datasets: Catalogue[DatasetSpec] = Catalogue("dataset", specs[DatasetSpec], broken)
        self.metrics: Catalogue[MetricSpec] = Catalogue("metric", specs[MetricSpec], broken)
        self.executors: Catalogue[ExecutorSpec] = Catalogue("executor", specs[ExecutorSpec], broken)
        self.reporters: Catalogue[ReporterSpec] = Catalogue("reporter", specs[ReporterSpec], broken)

    def _load(self, point: EntryPoint) -> tuple[Plugin, list[Spec]]:
        distribution = point.dist.name if point.dist else "unknown"
        version = point.dist.version if point.dist else ""
        registered = False
        try:
            with redirect_stdout(sys.stderr):  # standard output is for data, JSON included
                module = point.load()
                _check_hook_names(module)
                self._manager.register(module, name=f"{distribution}:{point.name}")
                registered = True
                specs = self._specs_of(module)
        except (Exception, SystemExit) as error:
            if registered:
                self._manager.unregister(module)
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            return Plugin(distribution, version, point.name, error=reason), []
        plugin = Plugin(distribution, version, point.name)
        self._observers.append((plugin, module))
        return plugin, specs

    def _specs_of(self, module: object) -> list[Spec]:
        others = [plugin for plugin in self._manager.get_plugins() if plugin is not module]
        specs: list[Spec] = []
        for kind, hook in _KINDS.items():
            for yielded in self._manager.subset_hook_caller(hook, others)():
                for spec in yielded:
                    _check_spec(spec, kind, hook)
                    specs.append(spec)
        names = [(type(spec), spec.name) for spec in specs]
        for kind, name in names:
            if names.count((kind, name)) > 1:
                raise BrokenPlugin(f"it yields the {kind.__name__} '{name}' twice")
        return specs

    def notify(self, hook: str, event: object) -> list[str]:
        """Call a lifecycle hook of every plugin; the warnings of those that raised."""
        warnings: list[str] = []
        everyone = self._manager.get_plugins()
        for plugin, module in self._observers:
            try:
                self._manager.subset_hook_caller(hook, [other for other in everyone if other is not module])(
                    event=event
                )
            except (Exception, SystemExit) as error:
                warnings.append(f"{plugin.distribution} raised in {hook}: {type(error).__name__}: {error}")
        return warnings


_KINDS: dict[type[Spec], str] = {
    BackboneSpec: "condbench_register_backbones",
    ConditionerSpec: "condbench_register_conditioners",
    EncoderSpec: "condbench_register_encoders",
    DatasetSpec: "condbench_register_datasets",
    MetricSpec: "condbench_register_metrics",
    ExecutorSpec: "condbench_register_executors",
    ReporterSpec: "condbench_register_reporters",
}


def _check_hook_names(module: object) -> None:
    """A misspelt hook is silent in pluggy; here it is an error."""
    known = [name for name in vars(hookspecs) if name.startswith("condbench_")]
    for name in dir(module):
        is_hook = hasattr(getattr(module, name, None), "condbench_impl")
        if is_hook and name not in known:
            raise BrokenPlugin(str(unknown("hook", name, known)))


def _check_spec(spec: object, kind: type[Spec], hook: str) -> None:
    if type(spec) is not kind:
        raise BrokenPlugin(f"{hook} yields {spec!r}, which is not a {kind.__name__}")
    if not _NAME.fullmatch(spec.name):
        raise BrokenPlugin(f"the name '{spec.name}' must be lower-case letters, digits, '.', '_' and '-'")
    for field in fields(spec):
        value = getattr(spec, field.name)
        if field.name in ("offers", "needs", "accepts", "models") and not isinstance(value, frozenset):
            raise BrokenPlugin(f"{field.name} of '{spec.name}' must be a frozenset, e.g. frozenset({{'class'}})")
        if field.name in ("summary", "target", "unit", "suffix", "fingerprint", "family") and not isinstance(
            value, str
        ):
            raise BrokenPlugin(f"{field.name} of '{spec.name}' must be text")
    references = {
        key: value
        for key in ("target", "options", "fingerprint", "assets", "trainer")
        if (value := getattr(spec, key, None))
    }
    for key, reference in references.items():
        if not _TARGET.fullmatch(reference):
            raise BrokenPlugin(f"the {key} '{reference}' of '{spec.name}' must be 'package.module:attribute'")


@cache
def installed() -> Registry:
    """The registry of what is installed in this environment."""
    return Registry(entry_points(group=hookspecs.GROUP))


def resolve(reference: str) -> Any:
    """The object that ``"package.module:attribute"`` names."""
    module, _, attribute = reference.partition(":")
    return getattr(importlib.import_module(module), attribute)
