"""Small line charts: a chart per backbone, a line per conditioner. Called by `trade` and `curves`.

This computes coordinates; ``templates/_charts.html.j2`` draws them as static SVG.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from condbench_reports import formats

WIDTH, HEIGHT = 200, 140
_LEFT, _RIGHT, _TOP, _BOTTOM = 36, 190, 8, 120
_ROOM = 0.06  # of an axis, between its ends and the values


@dataclass(frozen=True)
class Point:
    """What is drawn: two values, the point's name, and all of it in words."""

    across: float
    down: float
    name: str
    words: str
    hollow: bool = False


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
        return tuple(Tick(self.at(n), _short(n)) for n in numbers if low <= n <= high)


def _short(number: float) -> str:
    return formats.number(number) if number >= 1e6 else f"{number:.3g}"


@dataclass(frozen=True)
class Dot:
    """A point of a line, its name, and whether it is ``hollow``, which sets it apart."""

    x: float
    y: float
    name: str
    hollow: bool


@dataclass(frozen=True)
class Line:
    """A combination through its points, and the same in words."""

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


def draw(backbone: str, paths: Mapping[str, Sequence[Point]], *, logarithmic: tuple[bool, bool]) -> Chart | None:
    """The paths of a backbone's conditioners on shared axes; None if none has two points.

    Args:
        backbone: whose chart it is.
        paths: by conditioner; what has one point only is no line.
        logarithmic: whether the axis across is, and the one down.
    """
    paths = {conditioner: path for conditioner, path in paths.items() if len(path) > 1}
    if not paths:
        return None
    every = [point for path in paths.values() for point in path]
    x = Axis.over([point.across for point in every], _LEFT, _RIGHT, logarithmic=logarithmic[0])
    y = Axis.over([point.down for point in every], _BOTTOM, _TOP, logarithmic=logarithmic[1])
    lines = tuple(
        Line(
            conditioner,
            tuple(Dot(x.at(point.across), y.at(point.down), point.name, point.hollow) for point in path),
            "; ".join(point.words for point in path),
        )
        for conditioner, path in paths.items()
    )
    return Chart(backbone, x.ticks, y.ticks, lines)
