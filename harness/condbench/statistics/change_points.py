"""Where series changed their distribution: E-divisive with a permutation test, and few false changes among many series.

Matteson & James 2014, "A nonparametric approach for multiple change point analysis of multivariate data", Journal of
the American Statistical Association 109(505). For performance over time: Daly et al. 2020, "The use of change point
detection to identify software performance regressions in a continuous integration system" (MongoDB).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LEVEL = 0.05
_LEAST = 2  # values on either side
_SHORTEST = 8  # of seven values, two orders of 35 have as good a split as the best there can be
_ORDERS = 999
_AT_ONCE = 199  # most series have met enough that are as good by then
_HITS = 20
_ROOM = 2**20  # distances that are in memory at once
_ROUNDING = 1e-9


@dataclass(frozen=True)
class _Split:
    """The best split of a series: where its second side begins, and its p-value."""

    at: int
    p: float


def change_points(family: Sequence[Sequence[float]], *, level: float = _LEVEL, seed: int = 0) -> list[list[int]]:
    """Per series, the positions at which a new level begins, rising; 0 is none of them.

    The split that tells a series' two sides apart best is tested by random orders of its values (section 3 of the
    paper, with alpha = 1, and the second side always up to the end). So many series are tested that Benjamini &
    Hochberg (1995, "Controlling the false discovery rate") decide which of these changes hold: of the series that have
    any, a share ``level`` at most is expected to have none in truth. Both sides of a change are then looked at alike,
    at the level that was left to the series (Benjamini & Bogomolov 2014, "Selective inference on multiple families of
    hypotheses"). In a series of fewer than eight values nothing can be found.

    Args:
        family: finite values in the order of time, on a scale where they are comparable (log FID, logit accuracy).
        level: the share of false discoveries.
        seed: of the random orders.
    """
    series = [np.asarray(values, float) for values in family]
    orders = max(_ORDERS, math.ceil(2 * len(series) / level))  # or no p-value could be small enough
    first = [_best(values, orders, seed) for values in series]
    left = benjamini_hochberg([split.p for split in first if split is not None], level)
    return [_held(values, split, left, orders, seed) for values, split in zip(series, first, strict=True)]


def benjamini_hochberg(p_values: Sequence[float], level: float) -> float:
    """The largest p-value that may be called a discovery if a share ``level`` of all discoveries may be false; or 0."""
    ranked = np.sort(p_values)
    steps = level * np.arange(1, len(ranked) + 1) / max(1, len(ranked))
    return float(steps[ranked <= steps].max(initial=0.0))


def _held(series: NDArray[np.float64], split: _Split | None, level: float, orders: int, seed: int) -> list[int]:
    """The split if it holds, and then those on either side of it."""
    if split is None or split.p > level:
        return []
    before, after = series[: split.at], series[split.at :]
    earlier, later = (_held(side, _best(side, orders, seed), level, orders, seed) for side in (before, after))
    return [*earlier, split.at, *(split.at + at for at in later)]


def _best(series: NDArray[np.float64], orders: int, seed: int) -> _Split | None:
    """The best split, if the series is long enough for one.

    Its p-value is the share of random orders with one as good. That of a split that ever so many orders match need not
    be exact: after 20 of them it is known well enough (Besag & Clifford 1991, "Sequential Monte Carlo p-values").
    """
    if len(series) < _SHORTEST:
        return None
    energies = _energies(series[None])[0]
    best, rng, hits, done = float(energies.max()), np.random.default_rng(seed), 0, 0
    at = _LEAST + int(energies.argmax())
    while done < orders:
        count = min(orders - done, _AT_ONCE, max(1, _ROOM // len(series) ** 2))
        shuffled = rng.permuted(np.broadcast_to(series, (count, len(series))), axis=1)
        as_good = np.flatnonzero(_energies(shuffled).max(1) >= best * (1 - _ROUNDING))
        if hits + len(as_good) >= _HITS:
            return _Split(at, _HITS / (done + 1 + int(as_good[_HITS - hits - 1])))
        hits, done = hits + len(as_good), done + count
    return _Split(at, (hits + 1) / (done + 1))


def _energies(orders: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each series (N, T), the scaled energy distances between what is before and from a position on.

    Positions leave two values on either side: the first is 2. Equations 5 to 7 of Matteson & James:
    q = mn / (m + n) * (2 E|X - Y| - E|X - X'| - E|Y - Y'|), with means over all different pairs.
    """
    count = orders.shape[1]
    m = np.arange(_LEAST, count - _LEAST + 1)
    n = count - m
    apart = np.abs(orders[:, :, None] - orders[:, None, :])
    to_earlier = np.tril(apart).sum(2)
    to_later = apart.sum(2) - to_earlier
    before = to_earlier.cumsum(1)[:, m - 1]
    after = to_later[:, ::-1].cumsum(1)[:, ::-1][:, m]
    between = to_earlier.sum(1, keepdims=True) - before - after
    energy = 2 * between / (m * n) - before / (m * (m - 1) / 2) - after / (n * (n - 1) / 2)
    scaled: NDArray[np.float64] = m * n / count * energy
    return scaled
