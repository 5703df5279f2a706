"""What guidance trades: FID against label accuracy along its scales, a small line chart per combination."""

from __future__ import annotations

from condbench_reports import formats
from condbench_reports.chart import Chart, Point, draw
from condbench_reports.guidance import UNGUIDED, Guided, Sweep

ACROSS, DOWN = "label_accuracy", "fid"


def charts(sweep: Sweep) -> tuple[Chart, ...]:
    """A chart per backbone that has both metrics at two or more scales of some conditioner."""
    drawn = (
        draw(
            backbone,
            {row.combination.conditioner: _path(row) for row in sweep.rows if row.combination.backbone == backbone},
            logarithmic=(False, True),
        )
        for backbone in sweep.backbones
    )
    return tuple(chart for chart in drawn if chart is not None)


def _path(row: Guided) -> list[Point]:
    """Label accuracy and FID, by scale, where both were measured; hollow where nothing is guided."""
    points = []
    for scale in sorted({scale for _, scale in row.values}):
        across, down = row.at(ACROSS, scale), row.at(DOWN, scale)
        if across is not None and down is not None:
            figures = f"{DOWN} {formats.number(down.mean)}, {ACROSS} {formats.number(across.mean)}"
            words = f"scale {scale:g}: {figures}"
            points.append(Point(across.mean, down.mean, f"scale {scale:g}", words, hollow=scale == UNGUIDED))
    return points
