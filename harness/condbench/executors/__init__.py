"""How cells are run off the driver: the contract that an executor plugin's class follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from condbench.results import CellResult, PlannedCell
from condbench.store import Run


class Observer(Protocol):
    """Whom an executor tells what happens; calls come one at a time."""

    def started(self, planned: PlannedCell) -> None:
        """A cell's process was started."""

    def progressed(self, planned: PlannedCell, stage: str, progress: float) -> None:
        """A cell has come to ``progress`` in [0, 1] of a stage, e.g. "train"."""

    def finished(self, result: CellResult) -> None:
        """A cell has ended, and its result is in the store."""


class Executor(Protocol):
    """Runs cells, each in a process of its own within its wall-clock and memory limits.

    When `execute` returns, every cell has a result in the run's store, whatever became of its process. When it is
    interrupted by an exception, it ends the processes it started; their cells have no result and are run on a resume.
    """

    def execute(self, run: Run, cells: Sequence[PlannedCell], jobs: int, observer: Observer) -> None:
        """Run ``cells``, at most ``jobs`` at once."""
