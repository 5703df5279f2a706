"""The guidance sweep: what each cell that can be guided measures at every scale, beside its unguided value.

`html` and `markdown` both render this; `trade` gives it to `chart`, which draws it.
"""

from __future__ import annotations

from dataclasses import dataclass

from condbench.combinations import Metric
from condbench.results import MetricRow
from condbench_reports.combination import Combination, Value, average
from condbench_reports.matrix import Section

UNGUIDED = 1.0
"""The scale at which the guided estimate is the plain conditional one (Ho & Salimans 2022, arXiv:2207.12598)."""


@dataclass(frozen=True)
class Guided:
    """A combination's values by metric and scale; what could not be measured is missing."""

    combination: Combination
    values: dict[tuple[str, float], Value]

    def at(self, metric: str, scale: float) -> Value | None:
        """The value of a metric at a scale."""
        return self.values.get((metric, scale))

    def best(self, metric: Metric) -> float | None:
        """The scale with the best value; None where a metric has no direction, or there is but one value."""
        found = {scale: value.mean for (name, scale), value in self.values.items() if name == metric.name}
        if metric.better == "neither" or len(found) < 2:
            return None
        return (min if metric.better == "lower" else max)(found, key=lambda scale: found[scale])


@dataclass(frozen=True)
class Sweep:
    """All combinations that were guided, in the plan's order, with the scales and metrics of any of them."""

    scales: tuple[float, ...]
    metrics: tuple[Metric, ...]
    rows: tuple[Guided, ...]

    @property
    def backbones(self) -> tuple[str, ...]:
        """Those of the rows."""
        return tuple(dict.fromkeys(row.combination.backbone for row in self.rows))


def sweep(section: Section) -> Sweep | None:
    """The guidance sweep of a section; None if no cell has one."""
    metrics: dict[str, Metric] = {}
    rows = []
    for combination in section.combinations:
        guided: dict[tuple[str, float], list[MetricRow]] = {}
        for result in combination.finished:
            for at in result.guided:
                for row in at.metrics:
                    metrics.setdefault(row.name, Metric(row.name, row.unit, row.better, row.summary))
                    guided.setdefault((row.name, at.scale), []).append(row)
        if guided:
            own = _own_scale(combination)
            main = {(name, own): value for name, value in combination.values.items() if (name, own) not in guided}
            planned = len(combination.trials)
            swept = {key: value for key, found in guided.items() if (value := average(found, planned)) is not None}
            names = {name for name, _ in guided}
            rows.append(Guided(combination, swept | {key: value for key, value in main.items() if key[0] in names}))
    scales = sorted({scale for row in rows for _, scale in row.values})
    return Sweep(tuple(scales), tuple(metrics.values()), tuple(rows)) if rows else None


def words(scale: float) -> str:
    """A scale as the head of a column."""
    return f"{scale:g} (unguided)" if scale == UNGUIDED else f"{scale:g}"


def _own_scale(combination: Combination) -> float:
    """The scale of the main table: unguided, unless the backbone's option says otherwise."""
    scale = combination.trials[0].planned.cell.backbone.options.get("guidance")
    return float(scale) if isinstance(scale, (int, float)) else UNGUIDED
