"""Comparing runs: what may be compared, differences of a metric, which of them hold, and what they are due to.

`condbench compare` prints this. The numbers are `condbench.statistics`; here they meet the records of runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations as pairs_of

from condbench.combinations import Combination, Metric, interval, obstacle
from condbench.statistics import (
    Difference,
    Factorial,
    Interval,
    Nested,
    Observation,
    factorial,
    holm,
    mean_improvement,
    nested,
    paired,
    probability_of_improvement,
    rank_sets,
    unpaired,
)

ERROR = 0.05
"""The chance that a metric's verdicts have a wrong one among them, at most."""

ON_BACKBONE = "conditioners on"
"""How the group of a backbone's conditioners begins; its name follows."""

_ALONE = "one seed does not tell how much seeds differ, run e.g. `--seeds 5`"
_NAMED = 3  # of what one reason keeps out


@dataclass(frozen=True)
class Pair:
    """B against A in one metric; ``seeds`` are those of A and of B that the difference is of.

    ``improvement`` is the probability that another training of B is better than another of A; ``adjusted`` is the
    p-value after Holm's correction over all pairs of the metric, ``winner`` who is better for sure, None where that
    cannot be told.
    """

    a: str
    b: str
    group: str
    of_a: Interval
    of_b: Interval
    seeds: tuple[int, int]
    difference: Difference
    improvement: Interval
    adjusted: float
    winner: str | None

    @property
    def verdict(self) -> str:
        """In words."""
        return f"{self.winner} is better" if self.winner else self.difference.why or "cannot tell"

    @property
    def loser(self) -> str:
        """The other one, where there is a winner."""
        return self.a if self.winner == self.b else self.b


@dataclass(frozen=True)
class LeftOut:
    """What could not be compared, and why."""

    what: str
    why: str


@dataclass(frozen=True)
class Rank:
    """Where a combination stands in its group: the ranks that it may have, and what it is better than for sure."""

    name: str
    value: Interval
    first: int
    last: int
    better_than: tuple[str, ...]


@dataclass(frozen=True)
class Ranking:
    """A group, best estimate first: the conditioners on one backbone, or the backbones with one conditioner."""

    group: str
    ranks: tuple[Rank, ...]


@dataclass(frozen=True)
class Analysis:
    """Where a metric's differences come from, on one dataset; or why that cannot be said.

    ``seeds`` is what the spread between seeds comes from, where cells were sampled more than once; else ``seeds_why``.
    """

    dataset: str
    result: Factorial | None
    why: str = ""
    seeds: Nested | None = None
    seeds_why: str = ""

    def untold(self, metric: Metric) -> tuple[str, ...]:
        """What of this cannot be said, a sentence each."""
        sentences = []
        if self.seeds_why:
            sentences.append(
                f"What the spread of {metric.name} between seeds is due to cannot be said: {self.seeds_why}."
            )
        if self.result is None:
            sentences.append(f"What {metric.name} is due to on {self.dataset} cannot be said: {self.why}.")
        return tuple(sentences)


@dataclass(frozen=True)
class Comparison:
    """All that can be said of one metric."""

    metric: Metric
    pairs: tuple[Pair, ...]
    left_out: tuple[LeftOut, ...]
    improvement: Interval | None = None
    rankings: tuple[Ranking, ...] = ()
    analyses: tuple[Analysis, ...] = ()

    @property
    def not_compared(self) -> tuple[str, ...]:
        """What was left out, a sentence per reason with what it keeps out."""
        sentences = []
        for why in dict.fromkeys(left.why for left in self.left_out):
            names = [left.what for left in self.left_out if left.why == why]
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            sentences.append(f"Not compared: {', '.join(names[:_NAMED])}{more}: {why}.")
        return tuple(sentences)


def compare(metric: Metric, couples: Sequence[tuple[Combination, Combination]]) -> Comparison:
    """Each couple's B against its A by the seeds that both have: one combination in two runs."""
    found, left_out = _pairs(metric, [_Couple(a, b, "A", "B", a.name) for a, b in couples], match=True)
    parts = [pair.improvement for pair in found]
    return Comparison(metric, found, left_out, mean_improvement(parts) if len(parts) > 1 else None)


def compare_two(metric: Metric, a: Combination, b: Combination) -> Comparison:
    """One combination against another, which share no randomness."""
    return Comparison(metric, *_pairs(metric, [_Couple(a, b, "A", "B", f"{a.name}, {b.name}")], match=False))


def compare_within(metric: Metric, members: Sequence[Combination]) -> Comparison:
    """The conditioners on each backbone, the backbones with each conditioner, and what is due to which."""
    comparison = rank_within(metric, members)
    analyses = tuple(
        _analyse(metric, name, [member for member in members if member.dataset == name])
        for name in dict.fromkeys(member.dataset for member in members)
    )
    return replace(comparison, analyses=analyses)


def rank_within(metric: Metric, members: Sequence[Combination]) -> Comparison:
    """The same without what differences are due to, which takes longer."""
    able = [member for member in members if len(member.values(metric.name)) > 1]
    alone = [LeftOut(m.name, _ALONE) for m in members if len(m.values(metric.name)) == 1]
    several = len({member.dataset for member in members}) > 1
    on_backbone, with_conditioner = [], []
    for a, b in pairs_of(able, 2):
        where = f" of {a.dataset}" if several else ""
        if a.dataset == b.dataset and a.backbone == b.backbone:
            on_backbone.append(_Couple(a, b, a.conditioner, b.conditioner, f"{ON_BACKBONE} {a.backbone}{where}"))
        elif a.dataset == b.dataset and a.conditioner == b.conditioner:
            with_conditioner.append(_Couple(a, b, a.backbone, b.backbone, f"backbones with {a.conditioner}{where}"))
    found, left_out = _pairs(metric, [*on_backbone, *with_conditioner], match=False)
    groups = dict.fromkeys(pair.group for pair in found)
    rankings = tuple(_rank(metric, name, [pair for pair in found if pair.group == name]) for name in groups)
    return Comparison(metric, found, (*alone, *left_out), rankings=rankings)


@dataclass(frozen=True)
class _Couple:
    """What is to be compared, how each side is called, and what they are a couple of."""

    a: Combination
    b: Combination
    name_a: str
    name_b: str
    group: str

    @property
    def name(self) -> str:
        return self.a.name if self.a.name == self.b.name else f"{self.a.name} against {self.b.name}"


def _pairs(metric: Metric, couples: Sequence[_Couple], *, match: bool) -> tuple[tuple[Pair, ...], tuple[LeftOut, ...]]:
    """The couples that can be compared, with winners of which none is wrong for sure; and the others."""
    able, left_out = [], []
    for couple in couples:
        if why := obstacle((couple.a, couple.b), metric) or _unfit(couple, metric, match=match):
            left_out.append(LeftOut(couple.name, why))
        else:
            able.append((couple, *_seeds(couple, metric.name, match=match)))
    test = paired if match else unpaired
    differences = [test(a, b, metric.scale) for _, a, b in able]
    adjusted = holm([difference.p for difference in differences])
    found = [
        Pair(
            a=couple.name_a,
            b=couple.name_b,
            group=couple.group,
            of_a=interval(couple.a.rows(metric.name).values(), metric.scale),
            of_b=interval(couple.b.rows(metric.name).values(), metric.scale),
            seeds=(len(a), len(b)),
            difference=difference,
            improvement=probability_of_improvement(a, b, metric.better),
            adjusted=p,
            winner=_winner(couple, difference, metric) if p < ERROR else None,
        )
        for (couple, a, b), difference, p in zip(able, differences, adjusted, strict=True)
    ]
    return tuple(found), tuple(left_out)


def _seeds(couple: _Couple, metric: str, *, match: bool) -> tuple[list[float], list[float]]:
    """The values to compare: all that each side has, or, to ``match``, those of the seeds that both have."""
    a, b = couple.a.values(metric), couple.b.values(metric)
    if not match:
        return list(a.values()), list(b.values())
    common = sorted(a.keys() & b.keys())
    return [a[seed] for seed in common], [b[seed] for seed in common]


def _unfit(couple: _Couple, metric: Metric, *, match: bool) -> str:
    """Why the values leave nothing to test; empty if they do not."""
    a, b = _seeds(couple, metric.name, match=match)
    if min(len(a), len(b)) > 1:
        return "a value is not positive" if metric.scale == "log" and min(*a, *b) <= 0 else ""
    if match:
        return f"{len(a) or 'no'} seed{'' if len(a) == 1 else 's'} in common: it takes two, better five"
    return f"{len(a)} and {len(b)} seeds have a value: it takes two of each, better five"


def _winner(couple: _Couple, difference: Difference, metric: Metric) -> str:
    larger = difference.value > (1.0 if metric.scale == "log" else 0.0)
    return couple.name_b if larger == (metric.better == "higher") else couple.name_a


def _rank(metric: Metric, group: str, found: Sequence[Pair]) -> Ranking:
    values = {name: value for pair in found for name, value in ((pair.a, pair.of_a), (pair.b, pair.of_b))}
    better = {(pair.winner, pair.loser) for pair in found if pair.winner}
    sets = rank_sets(list(values), better)
    ordered = sorted(values, key=lambda name: values[name].value, reverse=metric.better == "higher")
    return Ranking(
        group,
        tuple(Rank(n, values[n], *sets[n], tuple(other for other in ordered if (n, other) in better)) for n in ordered),
    )


def _analyse(metric: Metric, dataset: str, members: Sequence[Combination]) -> Analysis:
    if why := obstacle(members, metric):
        return Analysis(dataset, None, why)
    observations = [
        Observation(m.backbone, m.conditioner, value) for m in members for value in m.values(metric.name).values()
    ]
    counts = [row.n for m in members for row in m.rows(metric.name).values() if row.n]
    n = min(counts, default=None)
    seeds, seeds_why = _from_drawing(metric, members, n)
    try:
        return Analysis(dataset, factorial(observations, metric.scale, n), "", seeds, seeds_why)
    except ValueError as reason:
        return Analysis(dataset, None, str(reason), seeds, seeds_why)


def _from_drawing(metric: Metric, members: Sequence[Combination], n: int | None) -> tuple[Nested | None, str]:
    """How much of the spread between seeds is due to drawing, or why not; neither where cells were sampled once."""
    draws = [member.draws(metric.name) for member in members]
    if all(len(values) == 1 for member in draws for values in member):
        return None, ""
    try:
        return nested(draws, metric.scale, n), ""
    except ValueError as reason:
        return None, str(reason)
