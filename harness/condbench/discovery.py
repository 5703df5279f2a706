"""Finds the plugins that are installed, and those among them that are not to be loaded. It imports none of them.

A plugin is an entry point of the group ``condbench.v1``. One that the user has switched off stays off, and one of a
contract that this host does not speak (``condbench.v2``) is refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Literal

from condbench.errors import UserError, unknown
from condbench.hookspecs import GROUP

WITHOUT = "CONDBENCH_WITHOUT_PLUGINS"
"""The environment variable that names plugins to switch off, as ``--without-plugin`` does: DIST or DIST:ENTRY, by
commas. A cell's process inherits it."""

Standing = Literal["ok", "broken", "off", "refused"]

_ANY_GROUP = re.compile(r"condbench\.v\d+")


@dataclass(frozen=True)
class Reason:
    """Why a plugin is not used.

    ``text`` is a line, ``place`` where in its author's code (``my_dist/register.py:12``), ``mend`` what the user can do
    about it, and ``trace`` the last lines of the traceback that are of the plugin's own code.
    """

    text: str
    place: str = ""
    mend: str = ""
    trace: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.text} ({self.place})" if self.place else self.text


@dataclass(frozen=True)
class Plugin:
    """An installed plugin and what became of it: ok, broken, off (by the user) or refused (of another contract).

    ``claims`` are what a broken one yielded before it broke, e.g. "backbone flow". ``seconds`` is what loading it took,
    and ``imports_torch`` says that torch came in with it.
    """

    distribution: str
    version: str
    entry_point: str
    state: Standing = "ok"
    reason: Reason | None = None
    claims: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)
    imports_torch: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}".rstrip()

    @property
    def error(self) -> str:
        """Why it is not used, in a line; empty if it is."""
        return "" if self.reason is None else str(self.reason)

    def claimed(self, kind: str, name: str) -> bool:
        """Whether it yielded such a spec before it broke; of any kind, if ``kind`` is "name"."""
        claims = [claim.split(" ", 1) for claim in self.claims]
        return any(name == claimed and kind in (of, "name") for of, claimed in claims)

    @property
    def switch(self) -> str:
        """What ``--without-plugin`` calls it."""
        return f"{self.distribution}:{self.entry_point}" if self.entry_point else self.distribution


def normal(distribution: str) -> str:
    """A distribution's name as indices compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def discover(path: Sequence[str] | None = None) -> list[tuple[Plugin, EntryPoint | None]]:
    """Every plugin with its entry point, sorted by both names; without an entry point if it is not to be loaded.

    Args:
        path: the folders to look into; those of `sys.path` if left out.

    Raises:
        UserError: if a plugin is to be switched off that is not there.
    """
    found: dict[str, list[tuple[Plugin, EntryPoint | None]]] = {}
    for distribution in distributions() if path is None else distributions(path=list(path)):
        if not _mentions_condbench(distribution):
            continue
        name, version = _identity(distribution)
        # Of two with one name, the first on the path is meant: Python finds its modules, too.
        found.setdefault(normal(name) or str(distribution.locate_file("")), _plugins(distribution, name, version))
    everything = sorted(
        (pair for pairs in found.values() for pair in pairs),
        key=lambda pair: (normal(pair[0].distribution), pair[0].entry_point, pair[0].state),
    )
    off = _switched_off([plugin for plugin, _ in everything], os.environ.get(WITHOUT, ""))
    return [(_off(plugin), None) if plugin in off else (plugin, point) for plugin, point in everything]


def _mentions_condbench(distribution: Distribution) -> bool:
    """Whether its entry points may be ours. Nobody else's are parsed: that takes time, and may fail."""
    try:
        return "condbench.v" in (distribution.read_text("entry_points.txt") or "")
    except (OSError, UnicodeDecodeError):
        return False


def _identity(distribution: Distribution) -> tuple[str, str]:
    """Name and version; empty where its metadata do not tell them."""
    try:
        found = distribution.metadata
        name, version = ((found.get_all(key) or [""])[0] for key in ("Name", "Version"))
        return name, version
    except Exception:  # importlib.metadata does not say what it raises for a damaged installation
        return "", ""


def _plugins(distribution: Distribution, name: str, version: str) -> list[tuple[Plugin, EntryPoint | None]]:
    """The plugins of a distribution; for one that is damaged, a broken one."""
    folder = f"'{distribution.locate_file('')}'"
    try:
        points = [point for point in distribution.entry_points if _ANY_GROUP.fullmatch(point.group)]
    except Exception as error:  # whatever a malformed line does to importlib.metadata
        text = " ".join(f"its entry_points.txt in {folder} cannot be read: {type(error).__name__}: {error}".split())
        return [(Plugin(name or "unknown", version, "", "broken", Reason(text, mend="install it anew")), None)]
    if not (name and version):  # without which no result could say what it is from
        damaged = Reason(f"its metadata in {folder} lack its name or version", mend="install it anew")
        return [(Plugin(name or "unknown", version, point.name, "broken", damaged), None) for point in points]
    return [
        (Plugin(name, version, point.name), point)
        if point.group == GROUP
        else (Plugin(name, version, point.name, "refused", _refusal(point.group, name)), None)
        for point in points
    ]


def _refusal(group: str, distribution: str) -> Reason:
    return Reason(
        f"it is written for the contract {group}, and this condbench speaks {GROUP}",
        mend=f"install a condbench that speaks {group}, or a version of {distribution} that speaks {GROUP}",
    )


def _off(plugin: Plugin) -> Plugin:
    reason = Reason(
        f"it is switched off by --without-plugin or {WITHOUT}", mend=f"leave it out of --without-plugin and {WITHOUT}"
    )
    return replace(plugin, state="off", reason=reason)


def _switched_off(plugins: Sequence[Plugin], listed: str) -> set[Plugin]:
    """The plugins that a list names, by distribution or by distribution:entry-point.

    Raises:
        UserError: for a name that is none's, with the closest.
    """
    off: set[Plugin] = set()
    for text in filter(None, (part.strip() for part in listed.split(","))):
        distribution, _, entry = text.partition(":")
        named = {
            plugin
            for plugin in plugins
            if normal(plugin.distribution) == normal(distribution) and entry in ("", plugin.entry_point)
        }
        if not named:
            raise _unknown(text, plugins)
        off |= named
    return off


def _unknown(text: str, plugins: Sequence[Plugin]) -> UserError:
    names = {plugin.switch if ":" in text else plugin.distribution for plugin in plugins}
    return unknown("plugin to switch off", text, names, hint=f"It stands in --without-plugin or {WITHOUT}.")
