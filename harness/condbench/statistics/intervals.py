"""Intervals of one quantity: of a share over its samples, of a metric over training seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean
from typing import Protocol

import numpy as np

from condbench.statistics.scales import Scale, from_scale, to_scale

LEVEL = 0.95
"""The nominal coverage of every interval, and one minus the error of every verdict."""

ROUNDING = 1e-9
"""Spreads below this share of the values are the rounding of equal ones."""


class Estimate(Protocol):
    """A value with its interval, if it has one."""

    @property
    def value(self) -> float:
        """The value itself."""

    @property
    def low(self) -> float | None:
        """Where its interval begins."""

    @property
    def high(self) -> float | None:
        """Where its interval ends."""


@dataclass(frozen=True)
class Interval:
    """A metric over training seeds: the typical value, and where that may lie; ``why`` says why there is no interval.

    The value is the mean on the metric's scale: the geometric mean of a FID, the mean logit of an accuracy, taken back.
    """

    value: float
    low: float | None
    high: float | None
    seeds: int
    why: str = ""


def wilson(successes: int, n: int, confidence: float = LEVEL) -> tuple[float, float]:
    """The score interval of a binomial share (Wilson 1927, "Probable inference, the law of succession").

    Unlike the normal approximation it stays within [0, 1] and covers well near 0 and 1, where accuracies are.

    Args:
        successes: how many of ``n`` trials succeeded.
        n: the number of trials, at least 1.
        confidence: the nominal coverage, in (0, 1).

    Raises:
        ValueError: if these are out of range.
    """
    if not 0 <= successes <= n or n < 1 or not 0 < confidence < 1:
        raise ValueError(f"no interval for {successes} successes of {n} at confidence {confidence}")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # The ends are exactly 0 and 1 where no or every trial succeeded; the rounding of the formula is not.
    return max(0.0, centre - half) if successes else 0.0, min(1.0, centre + half) if successes < n else 1.0


def newcombe(share: float, m: int, n: int, reach: float) -> tuple[float, float]:
    """The score interval of a Mann-Whitney share: how often one of m values is above one of n others, ties half.

    All shares that are within ``reach`` of their own standard errors of the one found (Newcombe 2006, "Confidence
    intervals for an effect size measure based on the Mann-Whitney statistic, part 2", method 5). As Wilson's does, it
    stays within [0, 1] and has a width even at 0 and 1.

    Args:
        share: in [0, 1].
        m: how many values there are on one side.
        n: how many on the other.
        reach: the quantile, e.g. 1.96 for 95 % of many values.
    """

    def far(other: float) -> float:
        return abs(share - other) - reach * math.sqrt(_mann_whitney_variance(other, m, n))

    return _edge(far, 0.0, share), _edge(far, 1.0, share)


def over_seeds(values: Sequence[float], scale: Scale, n: int | None = None) -> Interval:
    """A metric's typical value over training seeds, with its 95 % t-interval on the metric's scale.

    A percentile bootstrap would cover 75 to 90 % of the time with 3 to 10 seeds.

    Args:
        values: one per seed, finite, at least one.
        scale: where they are close to normal, see `condbench.statistics.scale_of`.
        n: of how many samples a share is; lets shares of exactly 0 or 1 have a logit.

    Returns:
        The interval; without ends where one seed, no spread between seeds, or a value off the scale leaves none.
    """
    seeds = len(values)
    if seeds == 1:
        return Interval(values[0], None, None, 1, "one seed does not tell how much seeds differ")
    if same(values):
        return Interval(values[0], None, None, seeds, "all seeds have the same value")
    try:
        scaled = to_scale(values, scale, n)
    except ValueError as reason:
        return Interval(fmean(values), None, None, seeds, str(reason))
    centre, half = fmean(scaled), t_quantile(seeds - 1) * float(np.std(scaled, ddof=1)) / math.sqrt(seeds)
    low, high = from_scale(centre - half, scale), from_scale(centre + half, scale)
    return Interval(from_scale(centre, scale), low, high, seeds)


def same(values: Sequence[float]) -> bool:
    """Whether values are equal but for rounding, so that they have no spread to reckon with."""
    return max(values) - min(values) <= ROUNDING * max(map(abs, values))


def t_quantile(freedom: float) -> float:
    """How many standard errors an interval reaches to either side, with that many degrees of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.5 + LEVEL / 2))


def t_test(statistic: float, freedom: float) -> float:
    """The two-sided p-value of Student's t."""
    from scipy.special import stdtr

    return float(2 * stdtr(freedom, -abs(statistic)))


def _mann_whitney_variance(share: float, m: int, n: int) -> float:
    """Hanley & McNeil's (1982), with both counts replaced by their mean where they make it lopsided."""
    typical = (m + n) / 2 - 1
    return share * (1 - share) * (1 + typical * ((1 - share) / (2 - share) + share / (1 + share))) / (m * n)


def _edge(far: Callable[[float], float], outside: float, inside: float) -> float:
    """Where ``far`` stops being positive on the way from outside to inside, by bisection."""
    for _ in range(40):
        middle = (outside + inside) / 2
        outside, inside = (middle, inside) if far(middle) > 0 else (outside, middle)
    return inside
