"""Heat maps: a metric over backbone x conditioner, each tile a number with what belongs beside it. Called by `html`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from condbench.combinations import Metric
from condbench_reports import formats
from condbench_reports.combination import TIMES, Combination, Value
from condbench_reports.matrix import Section
from condbench_reports.scale import Scale

# What a value depends on and must be seen with: other metrics, and the sample count where the value is biased by it.
_COMPANIONS = {"fid": ("fid_floor", "floor {}"), "sampling_throughput": ("network_evaluations", "{} evals")}
_FLOORS = {"fid": "fid_floor"}
_BIASED = frozenset({"fid", "fid_test", "fid_random", "fid_inception", "intra_fid", "intra_fid_worst"})


@dataclass(frozen=True)
class Tile:
    """A cell of a heat map: a number with what belongs beside it, or a state."""

    text: str
    beside: tuple[str, ...] = ()
    step: int | None = None
    tooltip: str = ""
    href: str = ""


@dataclass(frozen=True)
class HeatMap:
    """A metric over backbone x conditioner.

    ``worst`` and ``best`` are the ends of the scale, empty without values; ``common`` would stand in every tile.
    """

    metric: Metric
    worst: str
    best: str
    logarithmic: bool
    common: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Tile, ...]], ...]


def heat_map(section: Section, metric: Metric, anchors: Mapping[tuple[str, str], str]) -> HeatMap:
    """The map of a metric; its tiles lead to the anchors of their pairs of backbone and conditioner."""
    values = [value for c in section.combinations if (value := c.value(metric.name)) is not None]
    scale = Scale.over([value.mean for value in values], metric) if values else None
    conditions = [set(_conditions(c, metric)) for c in section.combinations if c.value(metric.name) is not None]
    common = set.intersection(*conditions) if len(conditions) > 1 else set()

    def tile(backbone: str, conditioner: str) -> Tile:
        combination = section.at(backbone, conditioner)
        if combination is None:
            return Tile("—", tooltip="not in the plan")
        return _tile(combination, metric, scale, common, f"#{anchors[backbone, conditioner]}")

    return HeatMap(
        metric=metric,
        worst=formats.number(scale.worst, metric.unit) if scale else "",
        best=formats.number(scale.best, metric.unit) if scale else "",
        logarithmic=scale is not None and scale.logarithmic,
        common=tuple(sorted(common)),
        rows=tuple(
            (backbone, tuple(tile(backbone, conditioner) for conditioner in section.conditioners))
            for backbone in section.backbones
        ),
    )


def _tile(combination: Combination, metric: Metric, scale: Scale | None, common: Set[str], href: str) -> Tile:
    value = combination.value(metric.name)
    if value is None or scale is None:
        state = combination.status if combination.status != "ok" else "no value"
        return Tile(state, tooltip=combination.why(metric.name) or state, href=href)
    beside = [*_nature(combination, metric, value), *(c for c in _conditions(combination, metric) if c not in common)]
    return Tile(
        text=formats.number(value.mean, metric.unit),
        beside=tuple(beside),
        step=scale.step(value.mean),
        tooltip=f"{combination.name}: {metric.name} {value.mean:.6g} {metric.unit}",
        href=href,
    )


def _nature(combination: Combination, metric: Metric, value: Value) -> Iterator[str]:
    """What makes the number what it is: its note, its seeds, its interval, its ratio to the floor."""
    if value.note:
        yield value.note
    trials = len(combination.trials)
    if trials > 1:
        yield f"{trials} seeds" if value.seeds == trials else f"{value.seeds} of {trials} seeds"
    if value.low is not None and value.high is not None:
        yield f"{formats.number(value.low, metric.unit)}\N{EN DASH}{formats.number(value.high, metric.unit)}"
    floor = combination.value(_FLOORS.get(metric.name, ""))
    if floor is not None and floor.mean > 0 and floor.n == value.n:
        yield f"{formats.number(value.mean / floor.mean)}{TIMES} floor"


def _conditions(combination: Combination, metric: Metric) -> Iterator[str]:
    """What the number was measured under."""
    companion, words = _COMPANIONS.get(metric.name, ("", ""))
    value = combination.value(metric.name)
    if (other := combination.value(companion)) is not None:
        fewer = metric.name in _FLOORS and value is not None and other.n is not None and other.n != value.n
        yield words.format(formats.number(other.mean)) + (f" of n {other.n:,}" if fewer else "")
    if value is not None and value.n is not None and metric.name in _BIASED:
        yield f"n {value.n:,}"
