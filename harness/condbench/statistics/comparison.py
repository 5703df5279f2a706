"""Two combinations against each other, and many: differences, Holm's correction, probability of improvement, ranks."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import fmean
from typing import TypeVar

import numpy as np

from condbench.specs import Better
from condbench.statistics.intervals import Interval, newcombe, same, t_quantile, t_test
from condbench.statistics.scales import Scale, to_scale

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Difference:
    """B against A: their ratio B / A on the log scale, B - A otherwise, with its 95 % interval and two-sided p-value.

    ``why`` says why there is no test; the p-value is then 1, so that the comparison still counts among many.
    """

    value: float
    low: float | None
    high: float | None
    p: float
    why: str = ""


def paired(a: Sequence[float], b: Sequence[float], scale: Scale) -> Difference:
    """Student's paired t-test of what was trained from the same seeds, e.g. one combination in two revisions.

    Shares are compared as they are, not by their logits: a difference of accuracies is what people read, and skewness
    mostly cancels in differences. Valid whether or not pairing makes the differences smaller.

    Args:
        a: values of A by seed, at least two.
        b: values of B at the same seeds, in the same order.
        scale: "log" compares by ratios.
    """
    a, b = _comparable(a, b, scale)
    apart = [there - here for here, there in zip(a, b, strict=True)]
    if all(map(math.isclose, a, b)):
        return _difference(0.0, None, 1.0, scale, "every seed has the same value in both")
    if same(apart):
        return _difference(apart[0], None, 1.0, scale, "the difference is the same in every seed: it has no spread")
    return _student(fmean(apart), float(np.var(apart, ddof=1)) / len(apart), len(apart) - 1, scale)


def unpaired(a: Sequence[float], b: Sequence[float], scale: Scale) -> Difference:
    """Welch's t-test (1947) of combinations that share no randomness: their spreads may differ.

    Cells' streams derive from their whole identities, so two conditioners' cells of one seed have nothing in common;
    pairing them would only cost degrees of freedom.

    Args:
        a: values of A, at least two.
        b: values of B, at least two.
        scale: as in `paired`.
    """
    a, b = _comparable(a, b, scale)
    apart = fmean(b) - fmean(a)
    if same(a) and same(b):
        return _difference(apart, None, 1.0, scale, "neither has any spread between seeds")
    parts = [float(np.var(side, ddof=1)) / len(side) for side in (a, b)]
    error = sum(parts)
    freedom = error**2 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, (a, b), strict=True))
    return _student(apart, error, freedom, scale)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values: below 0.05 where a difference holds although so many were looked at.

    The chance that any verdict of the family is wrong stays below 0.05 however the tests depend on each other (Holm
    1979, "A simple sequentially rejective multiple test procedure").
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    steps = ((len(p_values) - position) * p_values[index] for position, index in enumerate(order))
    adjusted = dict(zip(order, accumulate((min(1.0, step) for step in steps), max), strict=True))
    return [adjusted[index] for index in range(len(p_values))]


def probability_of_improvement(a: Sequence[float], b: Sequence[float], better: Better) -> Interval:
    """How likely another training of B is better than another of A (Agarwal et al. 2021, arXiv:2108.13264).

    The share of pairs of seeds in which B is better, ties half. Their bootstrap has nothing to resample in a handful of
    seeds, so the interval is `newcombe`'s, which also is one where every pair agrees; with Student's quantile for the
    normal one, which with three seeds would cover 90 % only.
    """
    sign = -1.0 if better == "lower" else 1.0
    wins = [0.5 + 0.5 * _sign(sign * (there - here)) for here in a for there in b]
    share = fmean(wins)
    low, high = newcombe(share, len(a), len(b), t_quantile(len(a) + len(b) - 2))
    return Interval(share, low, high, min(len(a), len(b)))


def mean_improvement(parts: Sequence[Interval]) -> Interval:
    """The mean of independent probabilities of improvement: how likely B is better in a combination at random.

    The ends combine the parts' distances to their ends (Zou & Donner 2008, "Construction of confidence limits about
    effect measures: a general approach").
    """
    value = fmean(part.value for part in parts)
    ends = [(part.value - (part.low or 0.0), (1.0 if part.high is None else part.high) - part.value) for part in parts]
    down, up = (math.hypot(*side) / len(parts) for side in zip(*ends, strict=True))
    return Interval(value, value - down, value + up, min(part.seeds for part in parts))


def rank_sets(names: Sequence[K], better: Collection[tuple[K, K]]) -> dict[K, tuple[int, int]]:
    """The ranks that each may have: behind all that are better than it for sure, before all that are worse for sure.

    Args:
        names: what is ranked.
        better: pairs (x, y) of which x is better than y, with the error of the whole family held (`holm`): then all
            ranks lie within these sets at once as often (Mogstad, Romano, Shaikh & Wilhelm 2024, "Inference for ranks
            with applications to mobility across neighbourhoods").
    """
    return {
        name: (
            1 + sum((other, name) in better for other in names),
            len(names) - sum((name, other) in better for other in names),
        )
        for name in names
    }


def _comparable(a: Sequence[float], b: Sequence[float], scale: Scale) -> tuple[list[float], list[float]]:
    """Both on the scale of their differences."""
    used: Scale = "log" if scale == "log" else "identity"
    return to_scale(a, used), to_scale(b, used)


def _student(value: float, error: float, freedom: float, scale: Scale) -> Difference:
    """The test of a difference whose estimate has the variance ``error``."""
    deviation = math.sqrt(error)
    return _difference(value, t_quantile(freedom) * deviation, t_test(value / deviation, freedom), scale)


def _difference(value: float, half: float | None, p: float, scale: Scale, why: str = "") -> Difference:
    back = math.exp if scale == "log" else float
    if half is None:
        return Difference(back(value), None, None, p, why)
    return Difference(back(value), back(value - half), back(value + half), p, why)


def _sign(value: float) -> float:
    return math.copysign(1.0, value) if value else 0.0
