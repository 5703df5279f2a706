"""What checks of any plugin work on: its entry, where it is registered, and where its data are. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from condbench.discovery import Plugin, normal
from condbench.errors import unknown
from condbench.registry import Entry, Registry


@dataclass(frozen=True)
class Subject:
    """A plugin of the distribution under test. ``data_root`` is the folder that datasets are given."""

    entry: Entry[Any]
    registry: Registry
    data_root: Path | None = None


def entry_points(distribution: str, registry: Registry) -> list[Plugin]:
    """The plugins of an installed distribution, one for each of its entry points.

    Raises:
        UserError: if there is none, with the closest name.
    """
    found = [plugin for plugin in registry.plugins if normal(plugin.distribution) == normal(distribution)]
    if not found:
        known = [plugin.distribution for plugin in registry.plugins]
        hint = "Your own must be installed first, e.g. `pip install -e FOLDER`."
        raise unknown("distribution with plugins", distribution, known, hint=hint)
    return found
