"""What `condbench run` shows on standard error while it works: bars on a terminal, a line per cell elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from condbench.executors import Observer
from condbench.results import CellResult, PlannedCell
from condbench.store import Run

_KEY_METRICS = ("fid", "label_accuracy")

_SHARES = {
    "build": (0.0, 0.1),
    "train": (0.1, 0.7),
    "sample": (0.8, 0.15),
}
"""Where a stage begins in a cell's bar, and how much of it it takes."""

_REST = (0.95, 0.05)
"""The same of what follows: measuring, sampling again, and whatever an executor of another's calls a stage."""


@contextmanager
def observer(run: Run) -> Iterator[Observer]:
    """The observer that suits standard error."""
    count = _Count(run.plan, {result.name for result in run.results()})
    if sys.stderr.isatty():
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=console, transient=True) as bars:
            yield _Bars(bars, count)
    else:
        yield _Lines(count)


_ENOUGH = 0.2  # of a cell, before its pace is worth an estimate


class _Count:
    """How many cells are done, and how long the rest may take.

    Cells are as long as was forecast, relative to each other; without a forecast all are alike.
    """

    def __init__(self, plan: Sequence[PlannedCell], done: Collection[str]) -> None:
        self.total, self.done = len(plan), len(done)
        forecasts = {planned.name: planned.forecast_seconds for planned in plan if planned.name not in done}
        known = [seconds for seconds in forecasts.values() if seconds]
        usual = sum(known) / len(known) if known else 1.0
        self.lengths = {name: (seconds or usual) / usual for name, seconds in forecasts.items()}
        self.lived = 0.0  # by cells that this session has finished
        self.begun: dict[str, float] = {}
        self.start = time.monotonic()

    def reach(self, planned: PlannedCell, stage: str, progress: float) -> float:
        """A cell at work has come to ``progress`` of a stage: the share of its life that it has behind it."""
        begin, share = _SHARES.get(stage, _REST)
        reached = begin + share * progress
        if planned.name in self.lengths:  # another's executor may be late to say so
            self.begun[planned.name] = reached
        return reached

    def one_more(self, cell: str) -> None:
        """A cell has ended."""
        self.begun.pop(cell, None)
        self.lived += self.lengths.pop(cell)
        self.done += 1

    def left(self) -> str:
        """An estimate from the cells that this session has finished or begun; nothing before there is one."""
        begun = sum(share * self.lengths[name] for name, share in self.begun.items())
        lived = self.lived + begun
        if lived < _ENOUGH:
            return ""
        seconds = (time.monotonic() - self.start) / lived * (sum(self.lengths.values()) - begun)
        return f"about {timedelta(seconds=round(seconds))} left"


def _line(result: CellResult) -> str:
    """A finished cell in a line: its state, how long it took, its key figures or its reason."""
    seconds = sum(result.stages.values())
    figures = [
        f"{row.name} {row.value:.3g}"
        for name in _KEY_METRICS
        if (row := result.metric(name)) is not None and row.value is not None
    ]
    return f"{result.name}  {result.state}  {seconds:.0f} s  {'  '.join(figures) or result.reason}".rstrip()


class _Lines:
    """A line per finished cell."""

    def __init__(self, count: _Count) -> None:
        self.count = count

    def started(self, planned: PlannedCell) -> None:
        pass

    def progressed(self, planned: PlannedCell, stage: str, progress: float) -> None:
        self.count.reach(planned, stage, progress)

    def finished(self, result: CellResult) -> None:
        self.count.one_more(result.name)
        left = self.count.left() if self.count.done < self.count.total else ""
        print(
            f"[{self.count.done}/{self.count.total}] {_line(result)}  {left}".rstrip(),
            file=sys.stderr,
            flush=True,
        )


class _Bars:
    """A bar for the run, and one for each cell at work."""

    def __init__(self, bars: Progress, count: _Count) -> None:
        self.bars, self.count = bars, count
        self.whole = bars.add_task("cells", total=count.total, completed=count.done, note=self._note())
        self.cells: dict[str, TaskID] = {}

    def _note(self) -> str:
        return f"{self.count.done}/{self.count.total}  {self.count.left()}"

    def started(self, planned: PlannedCell) -> None:
        self.cells[planned.name] = self.bars.add_task(planned.name, total=1.0, note="starting")

    def progressed(self, planned: PlannedCell, stage: str, progress: float) -> None:
        self.bars.update(self.cells[planned.name], completed=self.count.reach(planned, stage, progress), note=stage)
        self.bars.update(self.whole, note=self._note())

    def finished(self, result: CellResult) -> None:
        self.count.one_more(result.name)
        self.bars.remove_task(self.cells.pop(result.name))
        self.bars.update(self.whole, completed=self.count.done, note=self._note())
        self.bars.console.print(_line(result), highlight=False, markup=False)
