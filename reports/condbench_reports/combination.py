"""A backbone with a conditioner: its cells, their states and reasons, and its metrics over the seeds.

`matrix` arranges these; nothing here knows how they look.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from condbench.combinations import interval, unlike
from condbench.results import CellResult, MetricRow, PlannedCell, State
from condbench.statistics import scale_of

Status = State | Literal["not run yet"]

TIMES = "\N{MULTIPLICATION SIGN}"
NOT_FINITE = "its value is not a finite number"


@dataclass(frozen=True)
class Trial:
    """One cell of the run, with its result if it has ended."""

    planned: PlannedCell
    result: CellResult | None

    @property
    def name(self) -> str:
        """The cell's name within the run."""
        return self.planned.name

    @property
    def seed(self) -> int:
        """The cell's seed."""
        return self.planned.cell.seed

    @property
    def status(self) -> Status:
        """The end state; a planned skip counts as skipped before the run has come to it."""
        if self.result is not None:
            return self.result.state
        return "skipped" if self.planned.skip else "not run yet"

    @property
    def reason(self) -> str:
        """Why it is not ok, in the words of whoever found out; empty where there is nothing to say."""
        return (self.result.reason if self.result is not None else "") or self.planned.skip

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the task's classes, as far as an ended cell knows them."""
        return self.result.labels if self.result is not None else ()

    @property
    def unmeasured(self) -> tuple[MetricRow, ...]:
        """The metrics of an ok cell that have no finite value."""
        if self.result is None or self.result.state != "ok":
            return ()
        return tuple(row for row in self.result.metrics if _finite(row) is None)


@dataclass(frozen=True)
class Value:
    """A metric of a combination: the mean, on the metric's scale, over the seeds that have it.

    ``low`` and ``high`` are the 95 % interval over several seeds, or the measured interval of the only one that was
    planned, which is over its samples. ``n`` is the sample count and ``note`` what must stand beside the number, e.g.
    that it is a bound, if the seeds agree on them.
    """

    mean: float
    seeds: int
    n: int | None
    low: float | None
    high: float | None
    note: str = ""


@dataclass(frozen=True)
class Combination:
    """A backbone with a conditioner: one or more trials that differ by their seeds only."""

    backbone: str
    conditioner: str
    trials: tuple[Trial, ...]

    @property
    def name(self) -> str:
        """The pair."""
        return f"{self.backbone} {TIMES} {self.conditioner}"

    @cached_property
    def finished(self) -> tuple[CellResult, ...]:
        """The results of the trials that ended ok: only these have comparable numbers."""
        return tuple(t.result for t in self.trials if t.result is not None and t.result.state == "ok")

    @property
    def statuses(self) -> Counter[Status]:
        """How many trials are in each state, in the trials' order."""
        return Counter(trial.status for trial in self.trials)

    @property
    def status(self) -> str:
        """The states in words: one name if all trials agree, else with counts."""
        counts = self.statuses
        if len(counts) == 1:
            return next(iter(counts))
        return ", ".join(f"{count} {status}" for status, count in counts.items())

    @cached_property
    def values(self) -> dict[str, Value]:
        """The metrics that have a value, by name: the means over the ok trials whose value is finite and comparable."""
        rows: dict[str, list[MetricRow]] = {}
        for result in self.finished:
            for row in result.metrics:
                rows.setdefault(row.name, []).append(row)
        found = {name: average(group, len(self.trials)) for name, group in rows.items() if name not in self.unlike}
        return {name: value for name, value in found.items() if value is not None}

    @cached_property
    def unlike(self) -> dict[str, str]:
        """The metrics whose values in the ok trials must not be averaged, and why, e.g. speeds of two processors."""
        names = dict.fromkeys(row.name for result in self.finished for row in result.metrics)
        return {name: why for name in names if (why := unlike(self.finished, name))}

    def value(self, metric: str) -> Value | None:
        """A metric's value; None if no ok trial has a finite one."""
        return self.values.get(metric)

    def by_seed(self, metric: str) -> list[float]:
        """The finite values of a metric, one of each ok trial that has it."""
        rows = (row for result in self.finished if (row := result.metric(metric)) is not None)
        return [value for row in rows if (value := _finite(row)) is not None]

    def why(self, metric: str) -> str:
        """Why there is no value of the metric: the trials' reasons, each once."""
        reasons = [trial.reason for trial in self.trials if trial.reason]
        rows = [row for result in self.finished if (row := result.metric(metric))]
        reasons += [row.reason or NOT_FINITE for row in rows if _finite(row) is None]
        reasons += [self.unlike[metric]] if metric in self.unlike else []
        return "; ".join(dict.fromkeys(reasons))


def average(rows: Sequence[MetricRow], planned: int) -> Value | None:
    """A metric over the rows that have a finite value, a row per seed of ``planned`` ones; None if none has."""
    finite = [row for row in rows if _finite(row) is not None]
    if not finite:
        return None
    first = finite[0]
    over = interval(finite, scale_of(first.name, first.unit))
    counts, notes = {row.n for row in finite}, {row.note for row in finite}
    return Value(
        mean=over.value,
        seeds=len(finite),
        n=counts.pop() if len(counts) == 1 else None,
        low=first.low if planned == 1 else over.low,
        high=first.high if planned == 1 else over.high,
        note=notes.pop() if len(notes) == 1 else "",
    )


def _finite(row: MetricRow) -> float | None:
    return row.value if row.value is not None and math.isfinite(row.value) else None
