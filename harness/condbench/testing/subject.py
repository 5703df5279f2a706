"""What checks of any plugin work on: its entry, where it is registered, and where its data are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from condbench.registry import Entry, Registry


@dataclass(frozen=True)
class Subject:
    """A plugin of the distribution under test. ``data_root`` is the folder that datasets are given."""

    entry: Entry[Any]
    registry: Registry
    data_root: Path | None = None
