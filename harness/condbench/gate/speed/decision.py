"""Slower, faster, or the same? A group-sequential test of ratios; numbers in, verdicts out, no I/O.

A value is the logarithm of how many times worse head is than base in one round, in which both were measured in turns by
fresh processes. Rounds are independent, and what varies from process to process varies between them (Kalibera & Jones
2013, "Rigorous benchmarking in reasonable time", ISMM), so that Student's t over rounds is the test.

Measuring goes on until a look can tell, and looking often must not add up to false alarms: the error is shared out over
the looks that are planned (`LOOKS`; an alpha-spending function, Lan & DeMets 1983, in equal parts), and each share over
the measures by Holm's step-down (1979). Up to its first false alarm a check has rejected true regressions only, so each
measure without one is tested at no more than its part of a look's share; the sum over measures and looks is the error,
however they depend on each other and whichever of them end early.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy.special import stdtr, stdtrit

Verdict = Literal["pass", "improved", "regressed", "inconclusive"]

LOOKS = (4, 6, 9, 13, 18)
"""The rounds after which a check looks; what is still open after the last one is inconclusive."""

MARGIN = math.log(1.05)
"""What may get worse without alarm: 5 %."""

ERROR = 0.01
"""How often a check may raise any false alarm, over all measures and looks, where all got worse by up to the margin."""

_MISSED = 0.1
"""How often a measure may pass although it is worse by more than the margin."""

_POWER = 0.8
_RESOLUTION = 0.002
"""The least spread of rounds on the logarithmic scale: a few that happen to agree do not make a measurement exact."""


@dataclass
class Watched:
    """A measure: the logarithms of how much worse head was in each round so far, and what a look said of it."""

    worse: list[float] = field(default_factory=list)
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Ratio:
    """How many times worse head is, with its 95 % interval, and what would have been seen four times out of five."""

    value: float
    low: float
    high: float
    smallest: float


def look(watched: Sequence[Watched]) -> None:
    """Settle what can be told now; to be called after the rounds of `LOOKS` only.

    - regressed: worse by more than the margin; improved: better by more than that, with the same error;
    - pass: neither worse nor better by more than the margin; at the last look, not worse by more than that;
    - inconclusive: the last look did not tell.
    """
    level = ERROR / len(LOOKS)
    _step_down(watched, "regressed", 1, level)
    _step_down(watched, "improved", -1, level)
    for one in (one for one in watched if one.verdict is None and len(one.worse) > 1):
        last = len(one.worse) >= LOOKS[-1]
        half = _error(one.worse) * float(stdtrit(len(one.worse) - 1, 1 - _MISSED / len(LOOKS)))
        mean = float(np.mean(one.worse))
        if mean + half < MARGIN and (last or mean - half > -MARGIN):
            one.verdict = "pass"
        elif last:
            one.verdict = "inconclusive"


def ratio(worse: Sequence[float], measures: int) -> Ratio | None:
    """The ratio over rounds; None while there are too few to have an interval.

    Args:
        worse: as in `Watched`.
        measures: how many the check watches.
    """
    if len(worse) < 2:
        return None
    mean, error, freedom = float(np.mean(worse)), _error(worse), len(worse) - 1
    half = error * float(stdtrit(freedom, 0.975))
    strict = float(stdtrit(freedom, 1 - ERROR / len(LOOKS) / measures))
    smallest = MARGIN + error * (strict + float(stdtrit(freedom, _POWER)))
    return Ratio(*(math.exp(value) for value in (mean, mean - half, mean + half, smallest)))


def _step_down(watched: Sequence[Watched], verdict: Verdict, sign: int, level: float) -> None:
    """Holm: the smallest p-value is held against all that are not rejected yet, the next against one less."""
    left = sum(one.verdict != verdict for one in watched)
    by_p = sorted((p, i) for i, one in enumerate(watched) if (p := _p(one, sign)) is not None)
    for p, index in by_p:
        if p > level / left:
            break
        watched[index].verdict = verdict
        left -= 1


def _p(one: Watched, sign: int) -> float | None:
    """One-sided, of "worse (better, if ``sign`` is -1) by the margin at most"; None where it is settled or unknown."""
    if one.verdict is not None or len(one.worse) < 2:
        return None
    statistic = (sign * float(np.mean(one.worse)) - MARGIN) / _error(one.worse)
    return float(stdtr(len(one.worse) - 1, -statistic))


def _error(worse: Sequence[float]) -> float:
    """The standard error of the mean."""
    return max(float(np.std(worse, ddof=1)), _RESOLUTION) / math.sqrt(len(worse))
