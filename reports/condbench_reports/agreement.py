"""Whether the FIDs of different extractors put combinations in the same order. Called by `html` and `markdown`.

A FID is as good as its features: where two extractors disagree, neither order is a finding. With several seeds only
differences that hold in both count, since FIDs of single trainings change places by chance.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

from condbench.statistics import unpaired
from condbench_reports import formats
from condbench_reports.combination import Combination
from condbench_reports.matrix import Section

_FIDS = ("fid", "fid_random", "fid_inception")
_RATIO = 1.1  # less than that apart, two FIDs are as good as equal
_ERROR = 0.05


def agreement(section: Section) -> Iterator[str]:
    """A sentence for each two extractors that measured the same combinations: the pairs that they order differently."""
    for one, other in combinations(_FIDS, 2):
        both = [c for c in section.combinations if _positive(c, one) and _positive(c, other)]
        if len(both) < 2:
            continue
        pairs = list(combinations(both, 2))
        opposed = [(margin, pair) for pair in pairs if (margin := _opposed(*pair, one, other)) > 0]
        several = section.seeds > 1
        found = [(margin, pair) for margin, pair in opposed if margin > math.log(_RATIO)]
        if several:
            found = [(margin, pair) for margin, pair in found if _holds(*pair, (one, other), len(pairs))]
        if not found:
            yield f"{one} and {other} order all pairs of combinations alike{_but(several) if opposed else ''}."
            continue
        _, (first, second) = max(found, key=lambda each: each[0])
        better, worse = sorted((first, second), key=lambda c: _value(c, one))
        yield (
            f"{one} and {other} disagree about {len(found):,} of {len(pairs):,} pairs of combinations, by more than "
            f"{_RATIO - 1:.0%} in both{_surely(several)}. Most of all: {_against(better, worse, one)}, "
            f"but {_against(worse, better, other)}."
        )


def _but(several: bool) -> str:
    chance = " or no more than seeds differ" if several else ""
    return f", but for some within {_RATIO - 1:.0%}{chance}"


def _surely(several: bool) -> str:
    if several:
        return " and more than seeds differ (Welch's tests, Bonferroni's correction over all pairs)"
    return "; without several seeds of each that may be chance"


def _opposed(a: Combination, b: Combination, one: str, other: str) -> float:
    """By how much both FIDs prefer different ones, the smaller of the two log ratios; negative where they agree."""
    ratios = [math.log(_value(a, name) / _value(b, name)) for name in (one, other)]
    return min(abs(ratio) for ratio in ratios) * (-1 if ratios[0] * ratios[1] >= 0 else 1)


def _holds(a: Combination, b: Combination, names: tuple[str, str], pairs: int) -> bool:
    """Whether the pair differs in both FIDs for sure, one pair among so many; a lone seed is never sure."""
    seeds = [(a.by_seed(name), b.by_seed(name)) for name in names]
    if any(len(side) < 2 for sides in seeds for side in sides):
        return False
    return all(pairs * unpaired(*sides, "log").p < _ERROR for sides in seeds)


def _against(better: Combination, worse: Combination, name: str) -> str:
    figures = f"{formats.number(_value(better, name))} against {formats.number(_value(worse, name))}"
    return f"{name} prefers {better.name} to {worse.name} ({figures})"


def _positive(combination: Combination, name: str) -> bool:
    return combination.value(name) is not None and min(combination.by_seed(name)) > 0


def _value(combination: Combination, name: str) -> float:
    value = combination.value(name)
    assert value is not None
    return value.mean
