"""A run's combinations of backbone and conditioner, their metrics over the seeds, and what may be compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from condbench.results import Cell, CellResult, MetricRow, PlannedCell, labels
from condbench.specs import Better
from condbench.statistics import Interval, Scale, over_seeds, scale_of
from condbench.store import Run

KEY_METRICS = ("fid", "label_accuracy", "sampling_throughput")

_OF_A_MACHINE = frozenset(
    {
        "training_throughput",
        "training_seconds",
        "training_energy",
        "model_flop_utilisation",
        "matrix_rate",
        "sampling_throughput",
        "sampling_latency",
        "peak_memory",
    }
)
"""The harness's own rows that say as much of the machine as of the cell, whatever their unit."""

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
        return {result.provenance.cell.seed: row for result, row in measured(self.results, metric)}

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
    summary: str = ""

    @property
    def scale(self) -> Scale:
        """Where its values are close to normal."""
        return scale_of(self.name, self.unit)


def identity_of(cell: Cell) -> Identity:
    """What makes a cell's combination a row of its own: all but its budget and its seed."""
    return cell.dataset.identity, cell.backbone.identity, cell.conditioner.identity


def combinations(run: Run) -> dict[Identity, Combination]:
    """A run's combinations by what they are, in the plan's order; those without a result that ended ok have none."""
    cells = [planned.cell for planned in run.plan]
    dataset, backbone, conditioner = (
        labels(getattr(cell, kind) for cell in cells) for kind in ("dataset", "backbone", "conditioner")
    )
    grouped: dict[Identity, list[PlannedCell]] = {}
    for planned in run.plan:
        grouped.setdefault(identity_of(planned.cell), []).append(planned)
    found: dict[Identity, Combination] = {}
    for (d, b, c), group in grouped.items():
        results = tuple(r for planned in group if (r := run.result(planned.name)) is not None and r.state == "ok")
        name = group[0].name.removesuffix(f".s{group[0].cell.seed}")
        found[d, b, c] = Combination(name, dataset[d], backbone[b], conditioner[c], results, run.info.jobs)
    return found


def measured(results: Iterable[CellResult], metric: str) -> list[tuple[CellResult, MetricRow]]:
    """The results that have a finite value of a metric, each with its row."""
    found = [(result, row) for result in results if (row := result.metric(metric)) is not None]
    return [(result, row) for result, row in found if row.value is not None and math.isfinite(row.value)]


def metrics(of: Iterable[Combination]) -> dict[str, Metric]:
    """What was measured and has a good direction, by name."""
    rows = (row for combination in of for result in combination.results for row in result.metrics)
    found: dict[str, Metric] = {}
    for row in rows:
        if row.better != "neither":
            found.setdefault(row.name, Metric(row.name, row.unit, row.better, row.summary))
    return found


def interval(rows: Iterable[MetricRow], scale: Scale) -> Interval:
    """A metric over the seeds that its rows are of."""
    found = [(row, row.value) for row in rows if row.value is not None]
    return over_seeds([value for _, value in found], scale, min((row.n for row, _ in found if row.n), default=None))


def over_seeds_of(results: Sequence[CellResult], metric: str) -> Interval | None:
    """A metric over the seeds of one combination that ended ok; None where none has a value, or they do not compare.

    Only a seed that was planned alone keeps the interval that it was measured with: what is left of several must not
    show one over samples among others that are over seeds.

    Args:
        results: one per planned seed, whatever became of it.
        metric: its name.
    """
    found = measured((result for result in results if result.state == "ok"), metric)
    if not found or unlike([result for result, _ in found], metric):
        return None
    rows = [row for _, row in found]
    over = interval(rows, scale_of(metric, rows[0].unit))
    return replace(over, low=rows[0].low, high=rows[0].high) if len(results) == 1 else over


def obstacle(members: Sequence[Combination], metric: Metric) -> str:
    """Why the metric's values of some combinations may not stand beside each other; empty if they may."""
    if why := unlike([result for member in members for result in member.results], metric.name):
        return why
    at_once = dict.fromkeys(str(member.jobs) for member in members if member.rows(metric.name))
    return f"the cells at once differ: {' and '.join(at_once)}" if _of_a_machine(metric) and len(at_once) > 1 else ""


def unlike(results: Iterable[CellResult], metric: str) -> str:
    """Why the values of a metric in these results may not stand beside each other; empty if they may.

    Only results that have a value count.
    """
    found = measured(results, metric)
    for what, of in _conditions(found[0][1]) if len(found) > 1 else ():
        values = dict.fromkeys(of(result) for result, _ in found)
        if len(values) > 1:
            return f"{what} differ: {' and '.join(map(str, values))}"
    return ""


def _conditions(row: MetricRow) -> list[tuple[str, Callable[[CellResult], object]]]:
    """What must be equal for a metric's values to be comparable."""
    conditions: list[tuple[str, Callable[[CellResult], object]]] = [
        ("the datasets", lambda r: r.provenance.cell.dataset.name),
        ("the data", lambda r: r.provenance.data),
        ("the budgets", lambda r: r.provenance.cell.budget),
        ("the tracks", lambda r: r.provenance.settings.track),
    ]
    if _of_a_machine(row):
        return [
            *conditions,
            ("the processors", lambda r: r.provenance.processor),
            ("the devices", lambda r: r.provenance.settings.device),
            ("the threads per cell", lambda r: r.provenance.settings.threads),
        ]
    if row.n is None:  # of the model itself, e.g. its parameters: no sample has a part in it
        return conditions
    return [
        *conditions,
        (f"the weights that {row.name} is measured with", lambda r: _assets(r, row.name)),
        # Not the row's own count, which for the worst label is that label's.
        ("the sample counts", lambda r: r.provenance.settings.samples),
    ]


def _of_a_machine(metric: Metric | MetricRow) -> bool:
    """Whether its values are of one machine: the harness's own that are, and all that is a speed or a time."""
    return metric.name in _OF_A_MACHINE or metric.unit.endswith("/s") or metric.unit in ("s", "ms")


def _assets(result: CellResult, metric: str) -> str:
    found = (digest for name, digest in result.provenance.assets.items() if name.rpartition(":")[2] == metric)
    return next(found, "none")
