"""What checks of any plugin work on: its entry, where it is registered, and where its data are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from condbench.registry import Catalogue, Entry, Registry


@dataclass(frozen=True)
class Subject:
    """A plugin of the distribution under test. ``data_root`` is the folder that datasets are given."""

    entry: Entry[Any]
    registry: Registry
    data_root: Path | None = None


def catalogues(registry: Registry) -> dict[str, Catalogue[Any]]:
    """Every kind of plugin that there is, by its name in the singular."""
    kinds = (
        *(registry.backbones, registry.conditioners, registry.encoders, registry.datasets),
        *(registry.metrics, registry.executors, registry.reporters),
    )
    return {catalogue.kind: catalogue for catalogue in kinds}
