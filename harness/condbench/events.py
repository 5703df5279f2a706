"""What lifecycle hooks are told: one frozen event each (see `condbench.hookspecs`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from condbench.results import CellResult, PlannedCell


@dataclass(frozen=True)
class RunStarted:
    """The plan is written; ``todo`` are the cells that this session will execute."""

    run: Path
    plan: tuple[PlannedCell, ...]
    todo: tuple[PlannedCell, ...]


@dataclass(frozen=True)
class CellStarted:
    """A cell's process was started."""

    run: Path
    planned: PlannedCell


@dataclass(frozen=True)
class CellFinished:
    """A cell has ended; its result is in the store."""

    run: Path
    result: CellResult


@dataclass(frozen=True)
class RunFinished:
    """All cells of the run have ended."""

    run: Path
