"""Earlier runs up to this one: how each metric went, and where its level changed. Called by `html`.

The trends are those that ``condbench history --keep`` put beside the run.
"""

from __future__ import annotations

from dataclasses import dataclass

from condbench.combinations import Metric
from condbench.history import Change, Trend, kept
from condbench.store import Run
from condbench_reports import formats
from condbench_reports.chart import Chart, Point, draw


@dataclass(frozen=True)
class Shift:
    """A new level of a metric of a cell, in words."""

    cell: str
    metric: str
    how: str
    run: str
    since: str
    before: str
    after: str


@dataclass(frozen=True)
class Trends:
    """All changes of level, the latest first, and a chart per metric with a line per cell."""

    shifts: tuple[Shift, ...]
    charts: tuple[tuple[Metric, Chart], ...]
    left_out: tuple[str, ...]


def trends(run: Run) -> Trends | None:
    """What was kept beside the run; None if nothing was."""
    found = kept(run)
    if not found:
        return None
    latest = sorted(((change, trend) for trend in found for change in trend.changes), key=_since, reverse=True)
    metrics = {trend.metric: Metric(trend.metric, trend.unit, trend.better, "") for trend in found}
    charts = []
    for name, metric in metrics.items():
        paths = {trend.cell: _path(trend) for trend in found if trend.metric == name}
        if (chart := draw(name, paths, logarithmic=(False, metric.better == "lower"))) is not None:
            charts.append((metric, chart))
    left_out = dict.fromkeys(why for trend in found for why in trend.left_out)
    return Trends(tuple(_shift(change, trend) for change, trend in latest), tuple(charts), tuple(left_out))


def _since(pair: tuple[Change, Trend]) -> str:
    return pair[0].created


def _shift(change: Change, trend: Trend) -> Shift:
    before, after = (formats.number(value, trend.unit) for value in (change.before, change.after))
    how = "worse" if change.worse else "better"
    return Shift(trend.cell, trend.metric, how, change.run, change.created[:10], before, after)


def _path(trend: Trend) -> list[Point]:
    """The values in the order of time; hollow where a new level begins."""
    begins = {(change.run, change.created) for change in trend.changes}  # runs of a name lie in different folders
    return [
        Point(
            number,
            point.value,
            point.run,
            f"{point.run}: {formats.number(point.value, trend.unit)}",
            (point.run, point.created) in begins,
        )
        for number, point in enumerate(trend.points, 1)
    ]
