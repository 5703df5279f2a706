"""Intervals and percentiles of what was measured; called by the harness, metrics and reports."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist


def wilson(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
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
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return low, high


def percentile(values: Sequence[float], percent: int) -> float | None:
    """The value that ``percent`` % of all values are below, between order statistics; None if they are too few to say.

    The 99th needs 100 values: of fewer, not one is expected beyond it.

    Args:
        values: in any order.
        percent: in (0, 100).
    """
    if len(values) * min(percent, 100 - percent) < 100:
        return None
    at = (len(values) - 1) * percent / 100
    below = math.floor(at)
    low, high = sorted(values)[below : below + 2] if below + 1 < len(values) else (max(values),) * 2
    return low + (high - low) * (at - below)
