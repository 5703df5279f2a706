"""Loads, validates, attributes and quarantines plugins; what they provide is looked up here.

Each plugin is loaded, registered and asked for its specs inside one guard: if anything goes wrong nothing of it stays,
the reason is kept, and everything else works. Importing this file and loading the built-in plugins imports no torch.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import EntryPoint
from typing import Any, Generic, TypeVar

import pluggy

from condbench import faults, hookspecs
from condbench.checking import HOOKS, BrokenPlugin, check_hooks, checked, kind_of
from condbench.discovery import Plugin, discover, normal
from condbench.errors import Interrupted, UserError, unknown
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

STRICT = "CONDBENCH_STRICT_PLUGINS"
"""The environment variable that makes any broken plugin an error, as ``--strict-plugins`` does."""


_PATIENCE = 10.0  # seconds that a plugin may take to load before the user is told whom they are waiting for


class PluginFailed(UserError):  # noqa: N818 - another's error
    """A plugin's code raised where the driver called it; the message names both."""


@dataclass(frozen=True)
class Entry(Generic[S]):
    """A spec with the plugin that it is from."""

    spec: S
    plugin: Plugin

    @property
    def qualified(self) -> str:
        """``distribution:name``, which is never ambiguous."""
        return f"{self.plugin.distribution}:{self.spec.name}"

    def called(self, name: str) -> bool:
        """Whether ``name`` or ``distribution:name`` means this one."""
        whose, _, bare = name.rpartition(":")
        return bare == self.spec.name and (not whose or normal(whose) == normal(self.plugin.distribution))

    @contextmanager
    def blamed(self, reference: str) -> Iterator[None]:
        """Within, the driver runs what ``reference`` names; what goes wrong there is the plugin's.

        Raises:
            UserError: the plugin's own.
            PluginFailed: for anything else that it raises.
        """
        try:
            yield
        except UserError:
            raise
        except (Exception, SystemExit) as error:
            if self.plugin.distribution == "condbench":
                raise  # a bug of our own, and `main` says so
            place = faults.place_of(error, reference.partition(".")[0].partition(":")[0])
            raise PluginFailed(
                f"the {kind_of(type(self.spec))} '{self.spec.name}' of {self.plugin} failed in {reference}: "
                f"{faults.in_a_line(error)}{f' ({place})' if place else ''}: report it to its author, or switch it off "
                f"with --without-plugin {self.plugin.switch}."
            ) from error


class Catalogue(Generic[S]):
    """All specs of one kind, looked up by ``name`` or ``distribution:name``; ``plugins`` are all that there are."""

    def __init__(self, kind: str, entries: Iterable[Entry[S]], plugins: Iterable[Plugin]) -> None:
        self.kind = kind
        self.entries = list(entries)
        self._plugins = list(plugins)

    def __iter__(self) -> Iterator[Entry[S]]:
        return iter(self.entries)

    def names(self) -> list[str]:
        """Every name once, in order of registration."""
        return list(dict.fromkeys(entry.spec.name for entry in self.entries))

    def get(self, name: str) -> Entry[S]:
        """The entry of that name.

        Raises:
            UserError: if there is none (with the closest names and any plugin that is not used), or if two
                distributions have it and the name does not say whose.
        """
        found = [entry for entry in self.entries if entry.called(name)]
        if len(found) > 1:
            raise UserError(
                f"the {self.kind} '{name}' is in {len(found)} distributions; say which: "
                f"{' or '.join(entry.qualified for entry in found)}."
            )
        if not found:
            known = [entry.qualified for entry in self.entries] if ":" in name else self.names()
            raise missing(self.kind, name, known, self._plugins)
        return found[0]


def missing(kind: str, name: str, known: Iterable[str], plugins: Sequence[Plugin]) -> UserError:
    """The error for a name that no plugin in use provides; of one that is not in use it says so, as far as is known.

    ``kind`` is "name" where it may be of any kind.
    """
    whose, _, bare = name.rpartition(":")
    unused = [plugin for plugin in plugins if plugin.state != "ok"]
    theirs = [
        plugin
        for plugin in unused
        if (normal(plugin.distribution) == normal(whose) if whose else plugin.claimed(kind, bare))
    ]
    if theirs:
        reasons = "; and to ".join(map(_unused, theirs))
        return UserError(f"the {kind} '{bare}' belongs to {reasons}. `condbench doctor` says more.")
    hint = f"Not in use: {'; '.join(map(_unused, unused))}." if unused else ""
    if whose and normal(whose) not in {normal(plugin.distribution) for plugin in plugins}:
        hint = f"No distribution '{whose}' with a plugin is installed."
    return unknown(kind, name, known, hint=hint)


def _unused(plugin: Plugin) -> str:
    state = {"off": "switched off"}.get(plugin.state, plugin.state)
    return f"{plugin}, which is {state}" + (f": {plugin.error}" if plugin.state != "off" else "")


class Registry:
    """Everything that plugins provide: of those found, what they yield and what became of them."""

    def __init__(self, found: Iterable[tuple[Plugin, EntryPoint | None]]) -> None:
        self._manager = pluggy.PluginManager("condbench")
        self._manager.add_hookspecs(hookspecs)
        self._observers: list[tuple[Plugin, object]] = []
        self._specs: dict[type[object], list[Entry[Any]]] = {kind: [] for kind in HOOKS}
        self.plugins = [plugin if point is None else self._load(plugin, point) for plugin, point in found]
        self.backbones: Catalogue[BackboneSpec] = self._catalogue(BackboneSpec)
        self.conditioners: Catalogue[ConditionerSpec] = self._catalogue(ConditionerSpec)
        self.encoders: Catalogue[EncoderSpec] = self._catalogue(EncoderSpec)
        self.datasets: Catalogue[DatasetSpec] = self._catalogue(DatasetSpec)
        self.metrics: Catalogue[MetricSpec] = self._catalogue(MetricSpec)
        self.executors: Catalogue[ExecutorSpec] = self._catalogue(ExecutorSpec)
        self.reporters: Catalogue[ReporterSpec] = self._catalogue(ReporterSpec)

    def _catalogue(self, kind: type[S]) -> Catalogue[S]:
        return Catalogue(kind_of(kind), self._specs[kind], self.plugins)

    @property
    def catalogues(self) -> dict[str, Catalogue[Any]]:
        """All of them, by what `condbench list` calls them."""
        everything: tuple[Catalogue[Any], ...] = (
            *(self.backbones, self.conditioners, self.encoders, self.datasets, self.metrics),
            *(self.executors, self.reporters),
        )
        return {f"{catalogue.kind}s": catalogue for catalogue in everything}

    @property
    def broken(self) -> list[Plugin]:
        """The plugins that are quarantined."""
        return [plugin for plugin in self.plugins if plugin.state == "broken"]

    def _load(self, plugin: Plugin, point: EntryPoint) -> Plugin:
        """Import a plugin, register it and keep what it yields; or nothing of it."""
        yielded: list[Spec] = []
        had_torch, started = "torch" in sys.modules, time.perf_counter()
        reason = None
        try:
            with redirect_stdout(sys.stderr), _watched(plugin):  # standard output is for data, JSON included
                module = self._register(plugin, point)
                try:
                    for spec in self._specs_of(module):
                        yielded.append(spec)
                        self._check_unique(spec, plugin)
                except BaseException:
                    self._manager.unregister(module)
                    raise
        except KeyboardInterrupt:
            # The user's own wish: a run that silently lacks a sound plugin is not what they pressed Ctrl-C for.
            raise Interrupted(
                f"interrupted while the plugin {plugin} was loaded: if it hangs, switch it off with "
                f"--without-plugin {plugin.switch}."
            ) from None
        except BaseException as error:
            reason = faults.explain(error, plugin, point)
        brought_torch = "torch" in sys.modules and not had_torch
        plugin = replace(plugin, seconds=time.perf_counter() - started, imports_torch=brought_torch)
        if reason is not None:
            claims = tuple(f"{kind_of(type(spec))} {spec.name}" for spec in yielded)
            return replace(plugin, state="broken", reason=reason, claims=claims)
        self._observers.append((plugin, module))
        for spec in yielded:
            self._specs[type(spec)].append(Entry(spec, plugin))
        return plugin

    def _register(self, plugin: Plugin, point: EntryPoint) -> object:
        if not point.pattern.match(point.value):
            raise BrokenPlugin(f"its entry point is '{point.value}': it must be 'package.module', or with ':attribute'")
        module: object = point.load()
        check_hooks(module)
        if self._manager.is_registered(module):
            raise BrokenPlugin(f"its entry point names what '{self._manager.get_name(module)}' names, too: keep one")
        try:
            self._manager.register(module, name=plugin.switch)
        except BaseException:
            if self._manager.is_registered(module):  # older versions of pluggy leave half of it behind
                self._manager.unregister(module)
            raise
        return module

    def _specs_of(self, module: object) -> Iterator[Spec]:
        """What a registered plugin yields, each spec checked."""
        others = [plugin for plugin in self._manager.get_plugins() if plugin is not module]
        for kind, hook in HOOKS.items():
            caller = self._manager.subset_hook_caller(hook, others)
            for implementation in caller.get_hookimpls():
                returned = caller()
                # pluggy leaves None out.
                yield from checked(returned[0] if returned else None, kind, implementation.function)

    def _check_unique(self, spec: Spec, plugin: Plugin) -> None:
        """A name twice in one distribution could not be told apart by ``distribution:name``."""
        for entry in self._specs[type(spec)]:
            if entry.called(f"{plugin.distribution}:{spec.name}"):
                raise BrokenPlugin(
                    f"it yields the {kind_of(type(spec))} '{spec.name}', as the entry point "
                    f"'{entry.plugin.entry_point}' of the same distribution does"
                )

    def notify(self, hook: str, event: object) -> list[str]:
        """Call a lifecycle hook of every plugin; the warnings of those that raised."""
        warnings: list[str] = []
        everyone = self._manager.get_plugins()
        for plugin, module in self._observers:
            caller = self._manager.subset_hook_caller(hook, [other for other in everyone if other is not module])
            try:
                with redirect_stdout(sys.stderr):
                    caller(event=event)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                warnings.append(f"{plugin.distribution} raised in {hook}: {faults.in_a_line(error)}")
        return warnings


@contextmanager
def _watched(plugin: Plugin) -> Iterator[None]:
    """Within, a plugin is loaded; one that keeps the command waiting is named, since only the user can stop it."""

    def tell() -> None:
        print(
            f"condbench: warning: the plugin {plugin} has not been loaded after {_PATIENCE:.0f} s: if it hangs, press "
            f"Ctrl-C and switch it off with --without-plugin {plugin.switch}",
            file=sys.stderr,
        )

    timer = threading.Timer(_PATIENCE, tell)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@cache
def loaded() -> Registry:
    """The registry of this environment, whatever is broken in it."""
    return Registry(discover())


def installed() -> Registry:
    """The registry of this environment.

    Raises:
        UserError: if a plugin is broken and `STRICT` is set.
    """
    registry = loaded()
    if registry.broken and os.environ.get(STRICT, "") not in ("", "0"):
        listing = "; ".join(f"{plugin}: {plugin.error}" for plugin in registry.broken)
        number = "a plugin is" if len(registry.broken) == 1 else f"{len(registry.broken)} plugins are"
        raise UserError(
            f"{number} broken, which --strict-plugins or {STRICT} forbids: {listing}. Mend or switch off each "
            "(--without-plugin), or allow them; `condbench doctor` says more."
        )
    return registry


def resolve(reference: str) -> Any:
    """The object that ``"package.module:attribute"`` names."""
    module, _, attribute = reference.partition(":")
    return getattr(importlib.import_module(module), attribute)
