"""Whether the FIDs of different extractors put combinations in the same order. Called by `html` and `markdown`.

A FID is as good as its features: where two extractors disagree, neither order is a finding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

from condbench_reports import formats
from condbench_reports.combination import Combination
from condbench_reports.matrix import Section

_FIDS = ("fid", "fid_random", "fid_inception")
_RATIO = 1.1  # less than that apart, two FIDs are as good as equal


def agreement(section: Section) -> Iterator[str]:
    """A sentence for each two extractors that measured the same combinations: the pairs that they order differently."""
    for one, other in combinations(_FIDS, 2):
        both = [c for c in section.combinations if _positive(c, one) and _positive(c, other)]
        if len(both) < 2:
            continue
        pairs = list(combinations(both, 2))
        opposed = [(margin, pair) for pair in pairs if (margin := _opposed(*pair, one, other)) > math.log(_RATIO)]
        if not opposed:
            yield f"{one} and {other} order all pairs of combinations alike, but for some within {_RATIO - 1:.0%}."
            continue
        _, (first, second) = max(opposed, key=lambda found: found[0])
        better, worse = sorted((first, second), key=lambda c: _value(c, one))
        yield (
            f"{one} and {other} disagree about {len(opposed):,} of {len(pairs):,} pairs of combinations, by more than "
            f"{_RATIO - 1:.0%} in both. Most of all: {_against(better, worse, one)}, "
            f"but {_against(worse, better, other)}."
        )


def _opposed(a: Combination, b: Combination, one: str, other: str) -> float:
    """By how much both FIDs prefer different ones, the smaller of the two log ratios; negative where they agree."""
    ratios = [math.log(_value(a, name) / _value(b, name)) for name in (one, other)]
    return min(abs(ratio) for ratio in ratios) * (-1 if ratios[0] * ratios[1] >= 0 else 1)


def _against(better: Combination, worse: Combination, name: str) -> str:
    figures = f"{formats.number(_value(better, name))} against {formats.number(_value(worse, name))}"
    return f"{name} prefers {better.name} to {worse.name} ({figures})"


def _positive(combination: Combination, name: str) -> bool:
    value = combination.value(name)
    return value is not None and value.mean > 0


def _value(combination: Combination, name: str) -> float:
    value = combination.value(name)
    assert value is not None
    return value.mean
