"""Runs in the order of time: how each metric of each cell went, and where its level changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from pydantic import TypeAdapter, ValidationError

from condbench.combinations import (
    KEY_METRICS,
    Combination,
    Identity,
    Metric,
    combinations,
    interval,
    metrics,
    obstacle,
)
from condbench.errors import UserError, unknown
from condbench.specs import Better
from condbench.statistics import Scale
from condbench.statistics.change_points import change_points
from condbench.statistics.scales import from_scale, to_scale
from condbench.store import Run, write_atomically

_FILE = "history.json"
_KEY_METRICS = (*KEY_METRICS, "training_throughput")


@dataclass(frozen=True)
class Point:
    """What a run measured: the typical value over its seeds."""

    run: str
    created: str
    value: float
    seeds: int


@dataclass(frozen=True)
class Change:
    """A new level that begins with a run: the typical values of the levels before and after."""

    run: str
    created: str
    before: float
    after: float
    worse: bool


@dataclass(frozen=True)
class Trend:
    """A metric of a cell over time; ``left_out`` says of each run that is not comparable to the newest why."""

    cell: str
    metric: str
    unit: str
    better: Better
    points: tuple[Point, ...]
    changes: tuple[Change, ...]
    left_out: tuple[str, ...]


_TRENDS = TypeAdapter(tuple[Trend, ...])


def find_runs(paths: Iterable[Path]) -> list[Run]:
    """The runs that paths are, or hold, the oldest first.

    Raises:
        UserError: if a path is no run and holds none.
    """
    found: dict[Path, Run] = {}
    for path in paths:
        within = [path] if (path / "run.json").is_file() else sorted(file.parent for file in path.glob("*/run.json"))
        if not within:
            raise UserError(f"'{path}' is no run and holds none: name runs, or a folder of them, e.g. runs.")
        found |= {one.resolve(): Run(one) for one in within}
    return sorted(found.values(), key=lambda run: run.info.created)


def trends(runs: Sequence[Run], wanted: Sequence[str] = ()) -> list[Trend]:
    """A trend per cell and metric that any run has measured, up to the newest that did.

    Args:
        runs: the oldest first.
        wanted: the metrics' names; the key ones and the training throughput if empty.

    Raises:
        UserError: if no run has measured a metric that is wanted.
    """
    lines: dict[Identity, list[tuple[Run, Combination]]] = {}
    for run in runs:
        for identity, combination in combinations(run).items():
            lines.setdefault(identity, []).append((run, combination))
    measured = metrics(combination for line in lines.values() for _, combination in line)
    for name in wanted:
        if name not in measured:
            raise unknown("metric with a good direction", name, measured)
    names = dict.fromkeys(wanted) or _KEY_METRICS  # one that is named twice would be two series of the family
    found = [one for line in lines.values() for name in names if (one := _series(line, name)) is not None]
    starts = change_points([one.scaled for one in found])
    return [one.trend(begins) for one, begins in zip(found, starts, strict=True)]


def keep(run: Run, found: Sequence[Trend]) -> Path:
    """Put trends beside the results of a run, where its report finds them; returns the file."""
    path = run.path / _FILE
    write_atomically(path, _TRENDS.dump_json(tuple(found), indent=1).decode() + "\n")
    return path


def kept(run: Run) -> tuple[Trend, ...]:
    """The trends that `keep` put beside a run; none where it did not.

    Raises:
        UserError: if their file is damaged.
    """
    path = run.path / _FILE
    if not path.is_file():
        return ()
    try:
        return _TRENDS.validate_json(path.read_bytes())
    except ValidationError:
        raise UserError(
            f"'{path}' is damaged: make it anew with `condbench history RUN… --keep`, or delete it."
        ) from None


@dataclass(frozen=True)
class _Series:
    """A metric of a cell over the runs that are comparable to the newest.

    ``news`` are the positions of the points that are not the same as the one before: where nothing changed, a cell is
    trained to the same bits again, and many such runs are one draw, not many. ``scaled`` are their values on ``scale``.
    """

    cell: str
    metric: Metric
    points: tuple[Point, ...]
    left_out: tuple[str, ...]
    news: list[int]
    scale: Scale
    scaled: list[float]

    def trend(self, starts: Sequence[int]) -> Trend:
        """With the changes that begin at these positions among the news."""
        ends = [*starts[1:], len(self.news)]
        levels = zip([0, *starts], starts, ends, strict=False)
        changes = tuple(self._change(begin, start, end) for begin, start, end in levels)
        return Trend(
            self.cell, self.metric.name, self.metric.unit, self.metric.better, self.points, changes, self.left_out
        )

    def _change(self, begin: int, start: int, end: int) -> Change:
        """From the level of the news ``begin`` to ``start`` to that of those from there to ``end``."""
        before, after = (
            from_scale(fmean(part), self.scale) for part in (self.scaled[begin:start], self.scaled[start:end])
        )
        first = self.points[self.news[start]]
        return Change(first.run, first.created, before, after, (after > before) == (self.metric.better == "lower"))


def _series(line: Sequence[tuple[Run, Combination]], name: str) -> _Series | None:
    measured = [(run, combination) for run, combination in line if combination.rows(name)]
    newest = measured[-1][1] if measured else None
    metric = metrics([newest]).get(name) if newest is not None else None
    if newest is None or metric is None:
        return None
    points: list[Point] = []
    left_out: list[str] = []
    n: int | None = None
    for run, combination in measured:
        if why := obstacle([combination, newest], metric):
            left_out.append(f"{run.name}: {why}")
            continue
        n = next((row.n for row in combination.rows(name).values()), n)
        typical = interval(combination.rows(name).values(), metric.scale)
        points.append(Point(run.name, run.info.created, typical.value, typical.seeds))
    news = [i for i, point in enumerate(points) if i == 0 or point.value != points[i - 1].value]
    scale, scaled = _scaled([points[i].value for i in news], metric.scale, n)
    return _Series(newest.cell, metric, tuple(points), tuple(left_out), news, scale, scaled)


def _scaled(values: Sequence[float], scale: Scale, n: int | None) -> tuple[Scale, list[float]]:
    """Values on their scale, or as they are where one has no place there: the method asks for no normality."""
    try:
        return scale, to_scale(values, scale, n)
    except ValueError:
        return "identity", list(values)
