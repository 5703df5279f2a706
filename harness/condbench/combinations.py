"""A run's combinations of backbone and conditioner, their metrics over the seeds, and what may be compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from condbench.results import CellResult, MetricRow, PlannedCell, labels
from condbench.specs import Better
from condbench.statistics import Interval, Scale, over_seeds, scale_of
from condbench.store import Run

KEY_METRICS = ("fid", "label_accuracy", "sampling_throughput")

Identity = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Combination:
    """A backbone with a conditioner on a dataset: what ended ok in one run, a result per seed.

    ``cell`` is how its cells are called, without the seed; ``jobs`` how many cells ran at once.
    """

    cell: str
    dataset: str
    backbone: str
    conditioner: str
    results: tuple[CellResult, ...]
    jobs: int

    @property
    def name(self) -> str:
        """The pair, as reports call it."""
        return f"{self.backbone} \N{MULTIPLICATION SIGN} {self.conditioner}"

    def rows(self, metric: str) -> dict[int, MetricRow]:
        """The rows of a metric that have a finite value, by seed."""
        found = {result.provenance.cell.seed: result.metric(metric) for result in self.results}
        return {s: row for s, row in found.items() if row and row.value is not None and math.isfinite(row.value)}

    def values(self, metric: str) -> dict[int, float]:
        """The same, values only."""
        return {seed: row.value for seed, row in self.rows(metric).items() if row.value is not None}

    def draws(self, metric: str) -> list[list[float]]:
        """Of every result, the values of all its sets of samples, its own first; nothing where one has none."""
        found = []
        for result in self.results:
            sets = (result.metrics, *(redraw.metrics for redraw in result.redraws))
            values = [row.value for rows in sets for row in rows if row.name == metric and row.value is not None]
            if len(values) == len(sets) and all(map(math.isfinite, values)):
                found.append(values)
        return found


@dataclass(frozen=True)
class Metric:
    """A metric as its rows describe it."""

    name: str
    unit: str
    better: Better

    @property
    def scale(self) -> Scale:
        """Where its values are close to normal."""
        return scale_of(self.name, self.unit)


def combinations(run: Run) -> dict[Identity, Combination]:
    """A run's combinations by what they are, in the plan's order; those without a result that ended ok have none."""
    cells = [planned.cell for planned in run.plan]
    dataset, backbone, conditioner = (
        labels(getattr(cell, kind) for cell in cells) for kind in ("dataset", "backbone", "conditioner")
    )
    grouped: dict[Identity, list[PlannedCell]] = {}
    for planned in run.plan:
        cell = planned.cell
        grouped.setdefault((cell.dataset.identity, cell.backbone.identity, cell.conditioner.identity), []).append(
            planned
        )
    found: dict[Identity, Combination] = {}
    for (d, b, c), group in grouped.items():
        results = tuple(r for planned in group if (r := run.result(planned.name)) is not None and r.state == "ok")
        name = group[0].name.removesuffix(f".s{group[0].cell.seed}")
        found[d, b, c] = Combination(name, dataset[d], backbone[b], conditioner[c], results, run.info.jobs)
    return found


def metrics(of: Iterable[Combination]) -> dict[str, Metric]:
    """What was measured and has a good direction, by name."""
    rows = (row for combination in of for result in combination.results for row in result.metrics)
    found: dict[str, Metric] = {}
    for row in rows:
        if row.better != "neither":
            found.setdefault(row.name, Metric(row.name, row.unit, row.better))
    return found


def interval(rows: Iterable[MetricRow], scale: Scale) -> Interval:
    """A metric over the seeds that its rows are of; one row keeps the interval that it was measured with."""
    found = [(row, row.value) for row in rows if row.value is not None]
    result = over_seeds([value for _, value in found], scale, min((row.n for row, _ in found if row.n), default=None))
    return replace(result, low=found[0][0].low, high=found[0][0].high) if len(found) == 1 else result


def over_seeds_of(results: Iterable[CellResult], metric: str) -> Interval | None:
    """A metric over the results that ended ok with a value of it, a result per seed; None if none did."""
    rows = [row for result in results if result.state == "ok" and (row := result.metric(metric)) is not None]
    rows = [row for row in rows if row.value is not None]
    return interval(rows, scale_of(metric, rows[0].unit)) if rows else None


def obstacle(a: Combination, b: Combination, metric: Metric) -> str:
    """Why the metric's values may not stand beside each other; empty if they may."""
    for what, of in _conditions(metric):
        found = [sorted({of(side, result) for result in side.results}) for side in (a, b)]
        if found[0] != found[1] or len(found[0]) > 1:
            return f"{what}: {' and '.join(found[0])} here, {' and '.join(found[1])} there"
    return ""


def _conditions(metric: Metric) -> list[tuple[str, Callable[[Combination, CellResult], str]]]:
    """What must be equal for a metric's values to be comparable; a speed is one of a machine too."""
    conditions: list[tuple[str, Callable[[Combination, CellResult], str]]] = [
        ("the datasets differ", lambda _, r: r.provenance.cell.dataset.name),
        ("the data differ", lambda _, r: r.provenance.data),
        ("the budgets differ", lambda _, r: str(r.provenance.cell.budget)),
        ("the tracks differ", lambda _, r: r.provenance.settings.track),
    ]
    if metric.unit.endswith("/s") or metric.unit in ("s", "ms"):
        return [
            *conditions,
            ("the processors differ", lambda _, r: r.provenance.processor),
            ("the devices differ", lambda _, r: r.provenance.settings.device),
            ("the threads per cell differ", lambda _, r: str(r.provenance.settings.threads)),
            ("the cells at once differ", lambda side, _: str(side.jobs)),
        ]
    return [
        *conditions,
        (f"the weights that {metric.name} is measured with differ", lambda _, r: _assets(r, metric.name)),
        ("the sample counts differ", lambda _, r: str(row.n) if (row := r.metric(metric.name)) else "none"),
    ]


def _assets(result: CellResult, metric: str) -> str:
    found = (digest for name, digest in result.provenance.assets.items() if name.rpartition(":")[2] == metric)
    return next(found, "none")
