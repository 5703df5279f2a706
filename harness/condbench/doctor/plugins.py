"""The plugins: which are used, why others are not, and what of them is in the way."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

from condbench.checking import kind_of
from condbench.discovery import Plugin
from condbench.doctor.finding import Finding
from condbench.errors import UserError
from condbench.options import options_model
from condbench.registry import Catalogue, Registry

_SECTION = "plugins"
_SLOW_SECONDS = 0.5
_LAZILY = "its author must import it where it is used: a spec names code as 'package.module:attribute' for that"


def examine_plugins(registry: Registry) -> Iterator[Finding]:
    """A finding per plugin, then the names and options that are in somebody's way."""
    for plugin in registry.plugins:
        yield _state(plugin, registry)
    for catalogue in registry.catalogues.values():
        yield from _shared_names(catalogue)
    yield from _options(registry)


def _state(plugin: Plugin, registry: Registry) -> Finding:
    subject = f"{plugin} ({plugin.entry_point})" if plugin.entry_point else str(plugin)
    without = f"switch it off with --without-plugin {plugin.switch}"
    if plugin.state == "ok":
        return _used(plugin, registry, subject, without)
    assert plugin.reason is not None
    if plugin.state == "broken":
        lost = f"; it had {', '.join(plugin.claims)}" if plugin.claims else ""
        fix = f"{plugin.reason.mend}; or {without}"
        return Finding(_SECTION, subject, "problem", f"broken: {plugin.error}{lost}", fix, plugin.reason.trace)
    if plugin.state == "refused" and not any(
        other.distribution == plugin.distribution and other.state == "ok" for other in registry.plugins
    ):
        return Finding(_SECTION, subject, "warning", f"refused: {plugin.error}", f"{plugin.reason.mend}; or {without}")
    return Finding(_SECTION, subject, "ok", f"{plugin.state}: {plugin.error}")


def _used(plugin: Plugin, registry: Registry, subject: str, without: str) -> Finding:
    """One that works may still cost every command something."""
    count = Counter(
        catalogue.kind
        for catalogue in registry.catalogues.values()
        for entry in catalogue
        if (entry.plugin.distribution, entry.plugin.entry_point) == (plugin.distribution, plugin.entry_point)
    )
    has = (
        ", ".join(f"{number} {kind}{'s' * (number > 1)}" for kind, number in count.items())
        or "no specs, only observers"
    )
    if plugin.imports_torch:
        says = f"{has}; it imports torch when it is registered, {plugin.seconds:.1f} s of every command's start"
        return Finding(_SECTION, subject, "warning", says, f"{_LAZILY}; or {without}")
    if plugin.seconds > _SLOW_SECONDS:
        says = f"{has}; registering it took {plugin.seconds:.1f} s, and does at every command's start"
        return Finding(
            _SECTION, subject, "warning", says, f"see what it imports (`python -X importtime`); or {without}"
        )
    return Finding(_SECTION, subject, "ok", has)


def _shared_names(catalogue: Catalogue[Any]) -> Iterator[Finding]:
    """The names that do not say which plugin is meant."""
    for name in catalogue.names():
        entries = [entry for entry in catalogue if entry.spec.name == name]
        if len(entries) > 1:
            says = f"the {catalogue.kind} '{name}' is in {' and '.join(str(entry.plugin) for entry in entries)}"
            fix = f"say which is meant: {' or '.join(entry.qualified for entry in entries)}"
            yield Finding(_SECTION, name, "warning", says, fix)


def _options(registry: Registry) -> Iterator[Finding]:
    """Options are loaded when a plugin is used, and must be there without torch."""
    for entry in (*registry.backbones, *registry.conditioners):
        if entry.spec.options is None:
            continue
        had_torch = "torch" in sys.modules
        subject = f"options of the {kind_of(type(entry.spec))} {entry.qualified}"
        try:
            with entry.blamed(entry.spec.options):
                options_model(entry, entry.spec.options).model_json_schema()
        except UserError as error:
            yield Finding(_SECTION, subject, "problem", str(error))
        if "torch" in sys.modules and not had_torch:
            yield Finding(_SECTION, subject, "warning", "their module imports torch, and every plan needs it", _LAZILY)
