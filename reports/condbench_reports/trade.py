"""What guidance trades: FID against label accuracy along its scales, a small line chart per combination.

This computes coordinates; ``templates/_guidance.html.j2`` draws them as static SVG.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from condbench_reports import formats
from condbench_reports.guidance import UNGUIDED, Guided, Sweep

ACROSS, DOWN = "label_accuracy", "fid"

WIDTH, HEIGHT = 200, 140
_LEFT, _RIGHT, _TOP, _BOTTOM = 36, 190, 8, 120
_ROOM = 0.06  # of an axis, between its ends and the values


@dataclass(frozen=True)
class Tick:
    """A line of the grid: where it is, and the number that stands there."""

    at: float
    text: str


@dataclass(frozen=True)
class Axis:
    """From values to coordinates; linear where a value is not positive."""

    low: float
    high: float
    start: float
    stop: float
    logarithmic: bool

    @classmethod
    def over(cls, values: Sequence[float], start: float, stop: float, *, logarithmic: bool) -> Axis:
        """The axis that spans at least one value with room at both ends."""
        logarithmic = logarithmic and min(values) > 0
        low, high = (math.log(v) if logarithmic else v for v in (min(values), max(values)))
        room = (high - low) * _ROOM or max(abs(high) * _ROOM, _ROOM)
        return cls(low - room, high + room, start, stop, logarithmic)

    def at(self, value: float) -> float:
        """The coordinate of a value."""
        scaled = math.log(value) if self.logarithmic else value
        return round(self.start + (scaled - self.low) / (self.high - self.low) * (self.stop - self.start), 1)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """About three round numbers, 1, 2 or 5 times a power of ten or multiples of it."""
        low, high = (math.exp(v) if self.logarithmic else v for v in (self.low, self.high))
        if self.logarithmic and high / low > 4:
            decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            factors = (1, 2, 5) if high / low < 30 else (1,) if high / low > 300 else (1, 3)
            numbers = [factor * 10.0**decade for decade in decades for factor in factors]
        else:
            rough = (high - low) / 3
            power = 10.0 ** math.floor(math.log10(rough))
            step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
            numbers = [step * index for index in range(math.ceil(low / step), math.floor(high / step) + 1)]
        return tuple(Tick(self.at(n), f"{n:.3g}") for n in numbers if low <= n <= high)


@dataclass(frozen=True)
class Dot:
    """A scale on a line; ``hollow`` where nothing is guided."""

    x: float
    y: float
    scale: str
    hollow: bool


@dataclass(frozen=True)
class Line:
    """A combination through its scales, and the same in words."""

    conditioner: str
    dots: tuple[Dot, ...]
    words: str

    @property
    def points(self) -> str:
        """As the SVG attribute has them."""
        return " ".join(f"{dot.x:g},{dot.y:g}" for dot in self.dots)


@dataclass(frozen=True)
class Chart:
    """The lines of a backbone, on axes that they share."""

    backbone: str
    across: tuple[Tick, ...]
    down: tuple[Tick, ...]
    lines: tuple[Line, ...]


def charts(sweep: Sweep) -> tuple[Chart, ...]:
    """A chart per backbone that has both metrics at two or more scales of some conditioner."""
    return tuple(
        chart
        for backbone in sweep.backbones
        if (chart := _chart(backbone, [row for row in sweep.rows if row.combination.backbone == backbone])) is not None
    )


def _chart(backbone: str, rows: Sequence[Guided]) -> Chart | None:
    found = {row.combination.conditioner: _path(row) for row in rows}
    paths = {conditioner: path for conditioner, path in found.items() if len(path) > 1}
    if not paths:
        return None
    every = [point for path in paths.values() for point in path]
    x = Axis.over([accuracy for _, accuracy, _ in every], _LEFT, _RIGHT, logarithmic=False)
    y = Axis.over([fid for _, _, fid in every], _BOTTOM, _TOP, logarithmic=True)
    lines = tuple(
        Line(
            conditioner,
            tuple(Dot(x.at(accuracy), y.at(fid), f"{s:g}", s == UNGUIDED) for s, accuracy, fid in path),
            "; ".join(
                f"scale {s:g}: {DOWN} {formats.number(fid)}, {ACROSS} {formats.number(accuracy)}"
                for s, accuracy, fid in path
            ),
        )
        for conditioner, path in paths.items()
    )
    return Chart(backbone, x.ticks, y.ticks, lines)


def _path(row: Guided) -> list[tuple[float, float, float]]:
    """Scale, label accuracy and FID, by scale, where both were measured."""
    scales = sorted({scale for _, scale in row.values})
    found = [(scale, row.at(ACROSS, scale), row.at(DOWN, scale)) for scale in scales]
    return [(scale, across.mean, down.mean) for scale, across, down in found if across is not None and down is not None]
