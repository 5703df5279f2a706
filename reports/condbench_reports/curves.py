"""Quality over compute: what each cell measures as it was on its way, up to what it measures in the end.

`html` and `markdown` both render this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from condbench.combinations import Metric
from condbench.results import Checkpoint, MetricRow
from condbench_reports import formats
from condbench_reports.chart import Chart, Point, draw
from condbench_reports.combination import Combination, Value, average
from condbench_reports.matrix import Section


@dataclass(frozen=True)
class Stop:
    """A combination after ``flops`` of training: its values by metric."""

    flops: float
    values: dict[str, Value]


@dataclass(frozen=True)
class Curve:
    """A combination's stops, the last of which is the end of its training."""

    combination: Combination
    stops: tuple[Stop, ...]


@dataclass(frozen=True)
class Curves:
    """All combinations that have checkpoints, in the plan's order, with the metrics of any of them."""

    shares: tuple[float, ...]
    metrics: tuple[Metric, ...]
    rows: tuple[Curve, ...]

    def charts(self, metric: Metric) -> tuple[Chart, ...]:
        """The metric over training FLOPs, a chart per backbone."""
        backbones = dict.fromkeys(row.combination.backbone for row in self.rows)
        drawn = (
            draw(
                backbone,
                {
                    row.combination.conditioner: _path(row, metric)
                    for row in self.rows
                    if row.combination.backbone == backbone
                },
                logarithmic=(True, metric.better == "lower"),
            )
            for backbone in backbones
        )
        return tuple(chart for chart in drawn if chart is not None)


def curves(section: Section) -> Curves | None:
    """The curves of a section; None if no cell has a checkpoint."""
    metrics: dict[str, Metric] = {}
    rows = []
    shares: set[float] = set()
    for combination in section.combinations:
        counts = [len(result.checkpoints) for result in combination.finished]
        if not counts or not min(counts):
            continue
        shares |= {share for t in combination.trials for share in t.planned.provenance.settings.checkpoint_shares}
        for result in combination.finished:
            for row in (row for checkpoint in result.checkpoints for row in checkpoint.metrics):
                metrics.setdefault(row.name, Metric(row.name, row.unit, row.better, row.summary))
        planned = len(combination.trials)
        earlier = [
            _stop([result.checkpoints[i] for result in combination.finished], planned) for i in range(min(counts))
        ]
        rows.append(Curve(combination, (*earlier, _end(combination))))
    return Curves(tuple(sorted(shares)), tuple(metrics.values()), tuple(rows)) if rows else None


def _stop(seeds: Sequence[Checkpoint], planned: int) -> Stop:
    """The mean over the seeds, whose checkpoints are at the same share of the budget."""
    found: dict[str, list[MetricRow]] = {}
    for row in (row for checkpoint in seeds for row in checkpoint.metrics):
        found.setdefault(row.name, []).append(row)
    values = {name: value for name, group in found.items() if (value := average(group, planned)) is not None}
    return Stop(fmean(checkpoint.flops for checkpoint in seeds), values)


def _end(combination: Combination) -> Stop:
    spent = combination.value("training_flops")
    assert spent is not None, "every ok cell has it"
    return Stop(spent.mean, combination.values)


def _path(row: Curve, metric: Metric) -> list[Point]:
    points = []
    for stop in row.stops:
        if (value := stop.values.get(metric.name)) is not None:
            flops = formats.number(stop.flops, "FLOP")
            words = f"{flops}: {metric.name} {formats.number(value.mean, metric.unit)}"
            points.append(Point(stop.flops, value.mean, flops, words, hollow=stop is not row.stops[-1]))
    return points
