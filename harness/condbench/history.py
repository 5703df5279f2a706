"""Runs in the order of time: how each metric of each cell went, and where its level changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from condbench.combinations import Combination, Identity, combinations, interval, metrics, obstacle
from condbench.errors import UserError
from condbench.specs import Better
from condbench.statistics import Scale
from condbench.statistics.change_points import change_points
from condbench.statistics.scales import from_scale, to_scale
from condbench.store import Run, write_atomically

_FILE = "history.json"


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
    worse: bool | None


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


def trends(runs: Sequence[Run], wanted: Sequence[str]) -> list[Trend]:
    """A trend per cell and metric that any run has measured, up to the newest that did.

    Args:
        runs: the oldest first.
        wanted: the metrics' names.
    """
    series: dict[Identity, list[tuple[Run, Combination]]] = {}
    for run in runs:
        for identity, combination in combinations(run).items():
            series.setdefault(identity, []).append((run, combination))
    return [trend for line in series.values() for name in wanted if (trend := _trend(line, name)) is not None]


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


def _trend(line: list[tuple[Run, Combination]], name: str) -> Trend | None:
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
    scale, scaled = _scaled([point.value for point in points], metric.scale, n)
    starts = change_points(scaled)
    ends = [*starts[1:], len(points)]
    changes = []
    for begin, start, end in zip([0, *starts], starts, ends, strict=False):
        before, after = (from_scale(sum(part) / len(part), scale) for part in (scaled[begin:start], scaled[start:end]))
        worse = None if metric.better == "neither" else (after > before) == (metric.better == "lower")
        changes.append(Change(points[start].run, points[start].created, before, after, worse))
    return Trend(newest.cell, name, metric.unit, metric.better, tuple(points), tuple(changes), tuple(left_out))


def _scaled(values: Sequence[float], scale: Scale, n: int | None) -> tuple[Scale, list[float]]:
    """Values on their scale, or as they are where one has no place there: the method asks for no normality."""
    try:
        return scale, to_scale(values, scale, n)
    except ValueError:
        return "identity", list(values)
