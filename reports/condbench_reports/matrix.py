"""From a run to what reports show: sections of backbone x conditioner, seeds averaged, every state kept.

`html` and `markdown` both render these; nothing here knows how they look.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from condbench.budget import Budget
from condbench.combinations import KEY_METRICS, Metric, unlike
from condbench.results import MetricRow, Track, labels
from condbench.store import Run
from condbench_reports.combination import NOT_FINITE, Combination, Status, Trial, Value

SIZE_METRICS = ("parameters", "flops_per_image")


@dataclass(frozen=True)
class Gap:
    """A metric that ok cells have no value of, and their common reason."""

    metric: str
    reason: str
    trials: tuple[Trial, ...]


@dataclass(frozen=True)
class Section:
    """One dataset under one budget in one track: what may be compared with each other."""

    dataset: str
    budget: Budget
    track: Track
    backbones: tuple[str, ...]
    conditioners: tuple[str, ...]
    combinations: tuple[Combination, ...]
    metrics: tuple[Metric, ...]

    def at(self, backbone: str, conditioner: str) -> Combination | None:
        """The combination in that row and column; None if the plan has none."""
        return self._by_pair.get((backbone, conditioner))

    @cached_property
    def _by_pair(self) -> dict[tuple[str, str], Combination]:
        return {(c.backbone, c.conditioner): c for c in self.combinations}

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All cells of the section, combination by combination."""
        return tuple(trial for combination in self.combinations for trial in combination.trials)

    @property
    def troubled(self) -> tuple[Trial, ...]:
        """The cells that ended, or will, otherwise than ok."""
        return tuple(trial for trial in self.trials if trial.status not in ("ok", "not run yet"))

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Why metrics of ok cells have no value, each reason once."""
        found: dict[tuple[str, str], list[Trial]] = {}
        for trial in self.trials:
            for row in trial.unmeasured:
                found.setdefault((row.name, row.reason or NOT_FINITE), []).append(trial)
        for combination in self.combinations:
            for metric, why in combination.unlike.items():
                found.setdefault((metric, why), []).extend(t for t in combination.trials if t.status == "ok")
        return tuple(Gap(metric, reason, tuple(trials)) for (metric, reason), trials in found.items())

    @cached_property
    def unlike(self) -> dict[str, str]:
        """The metrics whose values must not be compared across combinations, and why, e.g. speeds of two processors."""
        finished = [result for combination in self.combinations for result in combination.finished]
        return {metric.name: why for metric in self.metrics if (why := unlike(finished, metric.name))}

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
        return self._counts.get(metric)

    @cached_property
    def _counts(self) -> dict[str, int | None]:
        counts: dict[str, set[int | None]] = {}
        for combination in self.combinations:
            for name, value in combination.values.items():
                counts.setdefault(name, set()).add(value.n)
        return {name: found.pop() for name, found in counts.items() if len(found) == 1}

    @cached_property
    def key_metrics(self) -> tuple[Metric, ...]:
        """Those that get a matrix: `KEY_METRICS`, or, in a run that measures none of them, all with a direction."""
        return self._named(KEY_METRICS) or tuple(metric for metric in self.metrics if metric.better != "neither")

    @cached_property
    def size_metrics(self) -> tuple[Metric, ...]:
        """What tells how large a combination is."""
        return self._named(SIZE_METRICS)

    @cached_property
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

    @cached_property
    def columns(self) -> tuple[Metric, ...]:
        """The leaderboard's metrics: the key ones first, then the size; those that are constant not at all."""
        ordered = dict.fromkeys((*self.key_metrics, *self.size_metrics, *self.metrics))
        constant = [metric for metric, _ in self.constants]
        return tuple(metric for metric in ordered if metric not in constant)

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

    def _named(self, names: Iterable[str]) -> tuple[Metric, ...]:
        found = {metric.name: metric for metric in self.metrics}
        return tuple(found[name] for name in names if name in found)


def sections(run: Run) -> tuple[Section, ...]:
    """A section per dataset, budget and track, in the plan's order."""
    trials = [Trial(planned, run.result(planned.name)) for planned in run.plan]
    dataset = labels(trial.planned.cell.dataset for trial in trials)
    grouped: dict[tuple[str, Budget, Track], list[Trial]] = {}
    for trial in trials:
        cell, settings = trial.planned.cell, trial.planned.provenance.settings
        grouped.setdefault((dataset[cell.dataset.identity], cell.budget, settings.track), []).append(trial)
    return tuple(_section(*key, group) for key, group in grouped.items())


def statuses(parts: Iterable[Section]) -> Counter[Status]:
    """How many cells are in each state."""
    return Counter(trial.status for part in parts for trial in part.trials)


def _section(dataset: str, budget: Budget, track: Track, trials: list[Trial]) -> Section:
    backbone = labels(trial.planned.cell.backbone for trial in trials)
    conditioner = labels(trial.planned.cell.conditioner for trial in trials)
    grouped: dict[tuple[str, str], list[Trial]] = {}
    for trial in trials:
        cell = trial.planned.cell
        key = (backbone[cell.backbone.identity], conditioner[cell.conditioner.identity])
        grouped.setdefault(key, []).append(trial)
    metrics: dict[str, Metric] = {}
    for trial in trials:
        for row in trial.result.metrics if trial.result is not None else ():
            metrics.setdefault(row.name, Metric(row.name, row.unit, row.better, row.summary))
    return Section(
        dataset=dataset,
        budget=budget,
        track=track,
        backbones=tuple(dict.fromkeys(b for b, _ in grouped)),
        conditioners=tuple(dict.fromkeys(c for _, c in grouped)),
        combinations=tuple(Combination(b, c, tuple(group)) for (b, c), group in grouped.items()),
        metrics=tuple(metrics.values()),
    )


def _measured(row: MetricRow | None) -> tuple[float | int | str | None, ...]:
    return () if row is None else (row.value, row.low, row.high, row.n, row.note)
