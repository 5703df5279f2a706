"""Did a cell get worse, better, or can that not be told: the check's statistics; numbers in, dataclasses out, no I/O.

Values are on the scale of their metric (log FID, logit accuracy) and turned so that larger is worse. A regression must
hold twice (`regressions`): against "it is no worse" and against "it is worse by the margin at most".

Seeds are compared as two samples, and also in pairs: with one seed both revisions start from the same parameters and
see the same data, so that much of what seeds differ by may be common to both, and cancels. Where it does not, pairs
cost little: the error is shared out between both tests beforehand (Bonferroni's bound, with weights).

The check looks twice. After the first seeds it goes on with the cells that look suspicious only, and what does not look
suspicious cannot become a regression. Such a first look can but lower the chance of an alarm, so it costs none of the
error (a group-sequential design with a boundary for futility only: Jennison & Turnbull 2000, "Group sequential methods
with applications to clinical trials", chapter 10).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtr, stdtrit

from condbench.statistics import holm

Reals = NDArray[np.float64]
Verdict = Literal["pass", "improved", "regressed", "inconclusive"]

MARGIN = math.log(1.05)
"""What may get worse without alarm: a FID by 5 %, the odds of a hit by as much."""

FIRST, MORE = 3, 7
"""Seeds of the first look, and how many more a suspicious cell gets."""

POWER = 0.8
"""How often the smallest change that a check could have seen is seen."""

PAIRS = 0.2
"""The share of the error that is for pairs."""

_SUSPICIOUS = 0.2
_FEW = 5
_HINT = 0.05


@dataclass(frozen=True)
class Errors:
    """How often a check may raise any false alarm, over all of its cells and metrics together.

    ``no_worse`` where nothing got worse; ``within_margin`` where all may have got worse by as much as the margin. The
    second is larger, since a change is there: at 0.01 for both, ten seeds against ten would see a FID 30 % worse at a
    spread of 0.1 in 0.7 of the checks only.
    """

    no_worse: float = 0.01
    within_margin: float = 0.05

    def part(self, share: float) -> Errors:
        """A share of both, for one of several families of tests."""
        return Errors(self.no_worse * share, self.within_margin * share)


@dataclass(frozen=True)
class Contrast:
    """How much worse head is than base, with the standard error and its degrees of freedom; arrays or numbers."""

    worse: Reals
    error: Reals
    freedom: Reals

    def p(self, by: float = 0.0) -> Reals:
        """One-sided p-values of "worse by no more than ``by``"."""
        return _tail(self.worse - by, self.error, self.freedom)

    def p_better(self, by: float = 0.0) -> Reals:
        """The same of "better by no more than ``by``"."""
        return _tail(-self.worse - by, self.error, self.freedom)


def contrast(base: ArrayLike, head: ArrayLike, noise: ArrayLike = 0.0) -> Contrast:
    """Welch's comparison (1947) of the last axes; Student's, with one spread for both, where a side has few seeds.

    Under five do not tell their own spread: Welch's test would hardly see anything. Where nothing changed, the spread
    did not either, so that Student's keeps its promise too.

    Args:
        base: (..., N) values of the baseline, at least two.
        head: (..., M) values of the new revision, at least two.
        noise: the least variance that a single value has, e.g. of an accuracy for its count of samples; seeds that
            agree more than that do so by chance.
    """
    base, head = np.asarray(base, float), np.asarray(head, float)
    n, m = base.shape[-1], head.shape[-1]
    worse = head.mean(-1) - base.mean(-1)
    of_base = np.maximum(base.var(-1, ddof=1), noise)
    if min(n, m) < _FEW:
        pooled = np.maximum(((n - 1) * of_base + (m - 1) * head.var(-1, ddof=1)) / (n + m - 2), noise)
        return Contrast(worse, np.sqrt(pooled * (1 / n + 1 / m)), np.full(worse.shape, n + m - 2.0))
    parts = of_base / n, np.maximum(head.var(-1, ddof=1), noise) / m
    total = sum(parts)
    with np.errstate(invalid="ignore"):  # neither has any spread
        freedom = total**2 / (parts[0] ** 2 / (n - 1) + parts[1] ** 2 / (m - 1))
    return Contrast(worse, np.sqrt(total), np.where(total > 0, freedom, n + m - 2.0))


def paired_contrast(base: ArrayLike, head: ArrayLike, noise: ArrayLike = 0.0) -> Contrast:
    """Student's comparison (1908) of pairs, along the last axes: (..., N) and (..., N); ``noise`` as in `contrast`."""
    differences = np.asarray(head, float) - np.asarray(base, float)
    n = differences.shape[-1]
    spread = np.maximum(differences.var(-1, ddof=1), noise)
    return Contrast(differences.mean(-1), np.sqrt(spread / n), np.full(spread.shape, n - 1.0))


@dataclass(frozen=True)
class Comparison:
    """Both contrasts of the same values; ``pairs`` is None where there are too few."""

    whole: Contrast
    pairs: Contrast | None

    def p(self, by: float = 0.0) -> Reals:
        """One-sided p-values of "worse by no more than ``by``": the less of both, each over its share of the error."""
        return self._least(self.whole.p(by), None if self.pairs is None else self.pairs.p(by))

    def p_better(self, by: float = 0.0) -> Reals:
        """The same of "better by no more than ``by``"."""
        return self._least(self.whole.p_better(by), None if self.pairs is None else self.pairs.p_better(by))

    @staticmethod
    def _least(whole: Reals, pairs: Reals | None) -> Reals:
        if pairs is None:
            return whole
        least: Reals = np.minimum(np.minimum(whole / (1 - PAIRS), pairs / PAIRS), 1.0)
        return least

    def smallest_seen(self, tests: int, errors: Errors) -> float:
        """See `smallest_seen`: by whichever contrast sees less."""
        if self.pairs is None:
            return float(smallest_seen(self.whole.error, self.whole.freedom, tests, errors))
        return min(
            float(smallest_seen(contrast.error, contrast.freedom, tests, errors.part(share)))
            for contrast, share in ((self.whole, 1 - PAIRS), (self.pairs, PAIRS))
        )

    def estimate(self) -> tuple[float, float, float]:
        """How much worse head is, with its 95 % interval: the narrower one, each at its share of the error."""
        found = [(self.whole, 1.0)] if self.pairs is None else [(self.whole, 1 - PAIRS), (self.pairs, PAIRS)]
        reach = [float(stdtrit(one.freedom, 1 - 0.025 * share) * one.error) for one, share in found]
        narrower = reach.index(min(reach))
        worse = float(found[narrower][0].worse)
        return worse, worse - reach[narrower], worse + reach[narrower]


def compare(base: ArrayLike, head: ArrayLike, noise: ArrayLike = 0.0, *, paired: int) -> Comparison:
    """Compare values of which the first ``paired`` of both sides belong together; see `contrast` for the rest."""
    base, head = np.asarray(base, float), np.asarray(head, float)
    pairs = None if paired < _FEW else paired_contrast(base[..., :paired], head[..., :paired], noise)
    return Comparison(contrast(base, head, noise), pairs)


def suspicious(base: ArrayLike, head: ArrayLike, noise: ArrayLike = 0.0) -> NDArray[np.bool_]:
    """Whether the first seeds look worse by more than the margin: one-sided p below 0.2.

    In the simulation that is 6 to 9 % of metrics in which nothing changed, and all but 1 % of those 30 % worse.
    """
    return np.asarray(contrast(base, head, noise).p(MARGIN) < _SUSPICIOUS)


def regressions(p_no_worse: ArrayLike, p_margin: ArrayLike, errors: Errors) -> NDArray[np.bool_]:
    """Which tests of a family (last axis) are regressions: both p-values hold after Holm's correction (1979).

    So the chance of any false alarm is at most ``errors.no_worse`` where nothing got worse, whatever the spread, and
    at most ``errors.within_margin`` where everything may have got worse by up to the margin. Both hold however the
    tests depend on each other, e.g. a cell's FID and accuracy.
    """
    return (_adjusted(p_no_worse) < errors.no_worse) & (_adjusted(p_margin) < errors.within_margin)


def smallest_seen(error: ArrayLike, freedom: ArrayLike, tests: int, errors: Errors) -> Reals:
    """The smallest change for the worse that such a check sees four times out of five.

    By the normal approximation of the noncentral t (Abramowitz & Stegun 1964, 26.7.10).

    Args:
        error: the standard error of the difference.
        freedom: its degrees of freedom.
        tests: how many the family has.
        errors: what the family may err.
    """
    error, freedom = np.asarray(error, float), np.asarray(freedom, float)

    def beyond(level: float) -> Reals:
        critical = np.asarray(stdtrit(freedom, 1 - level / tests), float)
        spread = np.sqrt(1 + critical**2 / (2 * freedom))
        return np.asarray(critical * (1 - 1 / (4 * freedom)) + float(ndtri(POWER)) * spread, float)

    smallest: Reals = np.maximum(beyond(errors.no_worse) * error, MARGIN + beyond(errors.within_margin) * error)
    return smallest


@dataclass(frozen=True)
class Evidence:
    """A metric of a cell: its values in the baseline and in the new revision.

    ``noise`` is as in `contrast`, ``visible`` the change that a check must be able to see to pass, ``final`` is False
    where the first look found nothing suspicious, so that the cell got no more seeds. The first ``paired`` values of
    both sides belong together: they are of the same seeds.
    """

    base: tuple[float, ...]
    head: tuple[float, ...]
    visible: float
    noise: float = 0.0
    final: bool = True
    paired: int = 0


@dataclass(frozen=True)
class Decision:
    """What can be said: ``worse`` with its 95 % interval, the p-values by Holm, and the smallest change seen."""

    verdict: Verdict
    worse: float
    low: float
    high: float
    p_no_worse: float
    p_margin: float
    smallest: float
    why: str


def decide(evidence: Sequence[Evidence], errors: Errors) -> list[Decision]:
    """A decision for each test of a family.

    - regressed: see `regressions`; improved: the same in the other direction;
    - inconclusive: it may be worse by more than the margin (adjusted p below 0.05), or the check is too blind to pass
      anything: the smallest change that it would have seen is larger than ``visible``;
    - pass: else.
    """
    if not evidence:
        return []
    found = [compare(one.base, one.head, one.noise, paired=one.paired) for one in evidence]
    open_ = np.array([one.final for one in evidence])
    no_worse = np.where(open_, [c.p() for c in found], 1.0)
    margin = np.where(open_, [c.p(MARGIN) for c in found], 1.0)
    regressed = regressions(no_worse, margin, errors)
    improved = regressions([c.p_better() for c in found], [c.p_better(MARGIN) for c in found], errors)
    adjusted = holm(no_worse.tolist()), holm(margin.tolist())
    decisions = []
    for index, (one, c) in enumerate(zip(evidence, found, strict=True)):
        worse, low, high = c.estimate()
        smallest = _smallest(one, c, len(evidence), errors)
        verdict, why = _verdict(
            bool(regressed[index]),
            bool(improved[index]),
            hint=adjusted[0][index] < _HINT and high > MARGIN,
            blind=smallest > one.visible,
        )
        decisions.append(Decision(verdict, worse, low, high, adjusted[0][index], adjusted[1][index], smallest, why))
    return decisions


def _verdict(regressed: bool, improved: bool, *, hint: bool, blind: bool) -> tuple[Verdict, str]:
    if regressed:
        return "regressed", "worse by more than 5 %, for sure"
    if improved:
        return "improved", "better by more than 5 %, for sure"
    if hint:
        return "inconclusive", "it looks worse, but may be so by no more than 5 %"
    if blind:
        return "inconclusive", "seeds differ too much, or are too few, to see anything but a very large change"
    return "pass", ""


def _smallest(one: Evidence, found: Comparison, tests: int, errors: Errors) -> float:
    """Of a first look, what the whole check would have seen: a change of that size gets the cell its other seeds."""
    if one.final:
        return found.smallest_seen(tests, errors)
    n, m, all_seeds = len(one.base), len(one.head), FIRST + MORE
    error = found.whole.error / math.sqrt(1 / n + 1 / m) * math.sqrt(1 / n + 1 / all_seeds)
    return float(smallest_seen(error, n + all_seeds - 2, tests, errors.part(1 - PAIRS)))


def _adjusted(p_values: ArrayLike) -> Reals:
    """Holm's p-values, along the last axis."""
    return np.apply_along_axis(lambda family: np.array(holm(family.tolist())), -1, np.asarray(p_values))


def _tail(apart: Reals, error: Reals, freedom: Reals) -> Reals:
    """The chance of a difference this far above zero; without any spread a difference is certain, and none is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(error > 0, apart / error, np.where(np.abs(apart) > 0, np.inf * np.sign(apart), 0.0))
    tail: Reals = stdtr(freedom, -statistic)
    return tail
