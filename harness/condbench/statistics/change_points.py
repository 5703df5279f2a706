"""Where a series changed its distribution: E-divisive with a permutation test.

Matteson & James 2014, "A nonparametric approach for multiple change point analysis of multivariate data", Journal of
the American Statistical Association 109(505). For performance over time: Daly et al. 2020, "The use of change point
detection to identify software performance regressions in a continuous integration system" (MongoDB).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_PERMUTATIONS = 199
_LEAST = 2  # values on either side
_LEVEL = 0.05


def change_points(values: Sequence[float], *, level: float = _LEVEL, seed: int = 0) -> list[int]:
    """The positions at which a new level begins, rising; 0 is none of them.

    The split that tells the two sides apart best is kept if no more than a share ``level`` of random orders of the
    values have one as good, and then both sides are looked at alike (section 3 of the paper, with alpha = 1). In a
    series without a change one is found with that probability. Under eight values none can be.

    Args:
        values: finite, in the order of time, on a scale where they are comparable (log FID, logit accuracy).
        level: the error of each test.
        seed: of the permutations.
    """
    series = np.asarray(values, float)
    rng = np.random.default_rng(seed)
    found: list[int] = []
    segments = [(0, len(series))]
    while segments:
        begin, end = segments.pop()
        part = series[begin:end]
        if len(part) < 2 * _LEAST:
            continue
        best, at = _split(part)
        as_good = sum(_split(rng.permutation(part))[0] >= best for _ in range(_PERMUTATIONS))
        if best > 0 and (as_good + 1) / (_PERMUTATIONS + 1) <= level:
            found.append(begin + at)
            segments += [(begin, begin + at), (begin + at, end)]
    return sorted(found)


def _split(part: NDArray[np.float64]) -> tuple[float, int]:
    """The largest scaled energy distance between what is before and after a position, and that position.

    Equations 5 to 7: q = mn / (m + n) * (2 E|X - Y| - E|X - X'| - E|Y - Y'|), with means over all different pairs.
    """
    count = len(part)
    apart = np.abs(part[:, None] - part[None, :])
    inside = np.concatenate([[0.0], np.cumsum([apart[i, :i].sum() for i in range(count)])])  # pairs before i
    whole = inside[-1]
    m = np.arange(_LEAST, count - _LEAST + 1)
    n = count - m
    before = inside[m]
    after = np.array([apart[i:, i:].sum() / 2 for i in m])
    between = whole - before - after
    energy = 2 * between / (m * n) - before / (m * (m - 1) / 2) - after / (n * (n - 1) / 2)
    scaled = m * n / count * energy
    best = int(np.argmax(scaled))
    return float(scaled[best]), int(m[best])
