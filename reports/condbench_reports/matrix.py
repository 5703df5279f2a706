"""From a run to what reports show: sections of backbone x conditioner, seeds averaged, every state kept.

`html` and `markdown` both render these; nothing here knows how they look.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from condbench.budget import Budget
from condbench.results import CellResult, Choice, MetricRow, PlannedCell, State
from condbench.specs import Better
from condbench.store import Run

Status = State | Literal["not run yet"]

TIMES = "\N{MULTIPLICATION SIGN}"
NOT_FINITE = "its value is not a finite number"
KEY_METRICS = ("fid", "label_accuracy", "sampling_throughput")


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
class Metric:
    """A column: a metric as its rows describe it."""

    name: str
    unit: str
    better: Better
    summary: str


@dataclass(frozen=True)
class Value:
    """A metric of a combination: the mean over the seeds that have it.

    ``low`` and ``high`` are the measured interval of the only seed; several seeds have none here. ``n`` is the sample
    count if the seeds agree on it.
    """

    mean: float
    seeds: int
    n: int | None
    low: float | None
    high: float | None


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

    @property
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

    def value(self, metric: str) -> Value | None:
        """The mean over the ok trials that have a finite value of the metric; None if none has."""
        rows = [row for result in self.finished if (row := result.metric(metric)) and _finite(row) is not None]
        if not rows:
            return None
        only = rows[0] if len(rows) == 1 else None
        counts = {row.n for row in rows}
        return Value(
            mean=fmean(value for row in rows if (value := _finite(row)) is not None),
            seeds=len(rows),
            n=counts.pop() if len(counts) == 1 else None,
            low=only.low if only else None,
            high=only.high if only else None,
        )

    def why(self, metric: str) -> str:
        """Why there is no value of the metric: the trials' reasons, each once."""
        reasons = [trial.reason for trial in self.trials if trial.reason]
        rows = [row for result in self.finished if (row := result.metric(metric))]
        reasons += [row.reason or NOT_FINITE for row in rows if _finite(row) is None]
        return "; ".join(dict.fromkeys(reasons))


@dataclass(frozen=True)
class Section:
    """One dataset under one budget: what may be compared with each other."""

    dataset: str
    budget: Budget
    backbones: tuple[str, ...]
    conditioners: tuple[str, ...]
    combinations: tuple[Combination, ...]
    metrics: tuple[Metric, ...]

    def at(self, backbone: str, conditioner: str) -> Combination | None:
        """The combination in that row and column; None if the plan has none."""
        for combination in self.combinations:
            if (combination.backbone, combination.conditioner) == (backbone, conditioner):
                return combination
        return None

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All cells of the section, combination by combination."""
        return tuple(trial for combination in self.combinations for trial in combination.trials)

    @property
    def troubled(self) -> tuple[Trial, ...]:
        """The cells that ended, or will, otherwise than ok."""
        return tuple(trial for trial in self.trials if trial.status not in ("ok", "not run yet"))

    @property
    def waiting(self) -> int:
        """The number of cells that have not run yet."""
        return statuses([self])["not run yet"]

    @property
    def seeds(self) -> int:
        """The largest number of seeds that a combination has."""
        return max(len(combination.trials) for combination in self.combinations)

    def count(self, metric: str) -> int | None:
        """The sample count behind all of a metric's values; None if they have none, or not the same."""
        counts = {value.n for c in self.combinations if (value := c.value(metric)) is not None}
        return counts.pop() if len(counts) == 1 else None

    @property
    def key_metrics(self) -> tuple[Metric, ...]:
        """Those that get a matrix: `KEY_METRICS`, or, in a run that measures none of them, all with a direction."""
        found = {metric.name: metric for metric in self.metrics}
        keys = tuple(found[name] for name in KEY_METRICS if name in found)
        return keys or tuple(metric for metric in self.metrics if metric.better != "neither")

    @property
    def constants(self) -> tuple[tuple[Metric, Value], ...]:
        """The metrics, no key ones, that are exactly the same in all ok cells of two or more combinations."""
        finished = [c for c in self.combinations if c.finished]
        rest = [metric for metric in self.metrics if metric not in self.key_metrics]
        return tuple(
            (metric, value)
            for metric in rest
            if len(finished) > 1
            and len({_measured(result.metric(metric.name)) for c in finished for result in c.finished}) == 1
            and (value := finished[0].value(metric.name)) is not None
        )

    @property
    def columns(self) -> tuple[Metric, ...]:
        """The leaderboard's metrics: the key ones first, the constant ones not at all."""
        constant = [metric for metric, _ in self.constants]
        rest = (metric for metric in self.metrics if metric not in self.key_metrics and metric not in constant)
        return (*self.key_metrics, *rest)

    def ranked(self) -> tuple[Combination, ...]:
        """Best first by the first key metric; those without a value last, in the plan's order."""
        if not self.key_metrics:
            return self.combinations
        first = self.key_metrics[0]
        sign = -1.0 if first.better == "higher" else 1.0

        def position(combination: Combination) -> float:
            value = combination.value(first.name)
            return math.inf if value is None else sign * value.mean

        return tuple(sorted(self.combinations, key=position))


def sections(run: Run) -> tuple[Section, ...]:
    """A section per dataset and budget, in the plan's order."""
    trials = [Trial(planned, run.result(planned.name)) for planned in run.plan]
    dataset = _labels(trial.planned.cell.dataset for trial in trials)
    grouped: dict[tuple[str, Budget], list[Trial]] = {}
    for trial in trials:
        cell = trial.planned.cell
        grouped.setdefault((dataset[_identity(cell.dataset)], cell.budget), []).append(trial)
    return tuple(_section(*key, group) for key, group in grouped.items())


def title(run: Run, parts: tuple[Section, ...]) -> str:
    """What the run compares, in a line."""
    backbones = {name for part in parts for name in part.backbones}
    conditioners = {name for part in parts for name in part.conditioners}
    datasets = dict.fromkeys(part.dataset for part in parts)
    size = f"{_count(len(backbones), 'backbone')} {TIMES} {_count(len(conditioners), 'conditioner')}"
    return f"{run.info.suite}: {size} on {', '.join(datasets) or 'no dataset'}"


def statuses(parts: Iterable[Section]) -> Counter[Status]:
    """How many cells are in each state."""
    return Counter(trial.status for part in parts for trial in part.trials)


def _section(dataset: str, budget: Budget, trials: list[Trial]) -> Section:
    backbone = _labels(trial.planned.cell.backbone for trial in trials)
    conditioner = _labels(trial.planned.cell.conditioner for trial in trials)
    grouped: dict[tuple[str, str], list[Trial]] = {}
    for trial in trials:
        cell = trial.planned.cell
        key = (backbone[_identity(cell.backbone)], conditioner[_identity(cell.conditioner)])
        grouped.setdefault(key, []).append(trial)
    metrics: dict[str, Metric] = {}
    for trial in trials:
        for row in trial.result.metrics if trial.result is not None else ():
            metrics.setdefault(row.name, Metric(row.name, row.unit, row.better, row.summary))
    return Section(
        dataset=dataset,
        budget=budget,
        backbones=tuple(dict.fromkeys(b for b, _ in grouped)),
        conditioners=tuple(dict.fromkeys(c for _, c in grouped)),
        combinations=tuple(Combination(b, c, tuple(group)) for (b, c), group in grouped.items()),
        metrics=tuple(metrics.values()),
    )


def _identity(choice: Choice) -> tuple[str, str]:
    return choice.distribution, str(choice)


def _labels(choices: Iterable[Choice]) -> dict[tuple[str, str], str]:
    """How each choice is called: its name with options, and its distribution where two have the same name."""
    identities = dict.fromkeys(_identity(choice) for choice in choices)
    shared = Counter(text for _, text in identities)
    return {(whose, text): f"{whose}:{text}" if shared[text] > 1 else text for whose, text in identities}


def _measured(row: MetricRow | None) -> tuple[float | int | None, ...]:
    return () if row is None else (row.value, row.low, row.high, row.n)


def _finite(row: MetricRow) -> float | None:
    return row.value if row.value is not None and math.isfinite(row.value) else None


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
