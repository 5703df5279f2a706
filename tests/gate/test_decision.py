"""The check's statistics: quiet when nothing changed, loud when something did, by simulation; and against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from condbench.gate.decision import (
    MARGIN,
    PAIRS,
    Errors,
    Evidence,
    compare,
    contrast,
    decide,
    regressions,
    smallest_seen,
)
from condbench.gate.stages import FROZEN, TRAINED
from tests.gate.simulation import CELLS, MEASURED, simulate
from tests.statistics.simulation import chance

TIMES = 3000
REAL = np.resize(MEASURED, CELLS)
SIDE = st.lists(st.floats(-3, 3), min_size=5, max_size=12)


@pytest.mark.parametrize("spread", [REAL, 0.1, 0.5], ids=["measured", "0.1", "0.5"])
def test_no_change_in_16_cells_hardly_ever_alarms(spread: float) -> None:
    """At most 1 % of checks, whatever the spread; and few cells are trained more than three times."""
    found = simulate(TIMES, spread=spread, seed=1)
    assert found.alarm <= 0.01
    assert found.trained < 16 * 3 + 7 * 4.5


def test_changes_within_the_margin_seldom_alarm() -> None:
    """All cells 5 % worse, with next to no spread, so that every test sees it."""
    found = simulate(TIMES, spread=0.02, worse=1.05, everywhere=True, seed=2)
    assert found.alarm <= 0.05 + chance(0.05, TIMES)
    assert found.trained > 16 * 3 + 7, "it does look closer"


@pytest.mark.parametrize(("worse", "spread", "least"), [(1.3, 0.10, 0.8), (1.5, 0.15, 0.9)])
def test_what_got_worse_is_caught(worse: float, spread: float, least: float) -> None:
    found = simulate(TIMES, spread=spread, worse=worse, seed=3)
    assert found.caught >= least + chance(least, TIMES), "not by luck of this seed"
    assert found.alarm - found.caught <= 0.01, "and nothing else is"


def test_a_spread_that_doubled_is_no_alarm() -> None:
    assert simulate(TIMES, spread=0.08, new_spread=0.16, seed=4).alarm <= 0.01


@pytest.mark.parametrize("together", [0.5, 0.99])
def test_what_seeds_have_in_common_is_no_alarm(together: float) -> None:
    assert simulate(TIMES, spread=0.2, together=together, seed=6).alarm <= 0.01


def test_what_seeds_have_in_common_shows_more() -> None:
    """Of a FID that is 25 % worse at spread 0.2."""
    apart, together = (simulate(500, spread=0.2, worse=1.25, together=share, seed=7).caught for share in (0.0, 0.99))
    assert apart < 0.2 and together > 0.6


def test_the_smallest_change_seen_is_seen_four_times_out_of_five() -> None:
    """Alone among 32 tests, ten seeds against ten; the simulated share lies about the stated power."""
    errors, spread, times = Errors(), 0.1, 4000
    worse = float(smallest_seen(spread * math.sqrt(0.2), 18.0, 32, errors))
    rng = np.random.default_rng(5)
    found = contrast(rng.normal(0, spread, (times, 10)), rng.normal(worse, spread, (times, 10)))
    others = np.ones((times, 31))
    caught = regressions(
        np.concatenate([found.p()[:, None], others], 1), np.concatenate([found.p(MARGIN)[:, None], others], 1), errors
    )
    assert caught.sum() / times == pytest.approx(0.8, abs=0.04)


@settings(max_examples=60)
@given(SIDE, SIDE, st.floats(0, 1))
def test_the_contrast_is_welchs(base: list[float], head: list[float], by: float) -> None:
    if np.ptp(base) < 1e-3 or np.ptp(head) < 1e-3:
        return
    expected = stats.ttest_ind(head, np.add(base, by), equal_var=False, alternative="greater")
    assert contrast(base, head).p(by) == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)
    interval = stats.ttest_ind(head, base, equal_var=False).confidence_interval(0.95)
    (decision,) = decide([Evidence(tuple(base), tuple(head), math.log(2))], Errors())
    assert (decision.low, decision.high) == pytest.approx((interval.low, interval.high), rel=1e-6, abs=1e-9)


@settings(max_examples=40)
@given(st.lists(st.floats(-3, 3), min_size=2, max_size=12), st.lists(st.floats(-3, 3), min_size=2, max_size=4))
def test_with_few_seeds_it_is_students(base: list[float], head: list[float]) -> None:
    if np.ptp(base) < 1e-3 or np.ptp(head) < 1e-3:
        return
    expected = stats.ttest_ind(head, base, alternative="greater")
    assert contrast(base, head).p() == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("seeds", [3, 10])
def test_seeds_that_agree_are_no_surer_than_their_samples(seeds: int) -> None:
    found = contrast([0.0] * 10, [0.3] * seeds, noise=0.01)
    assert found.error == pytest.approx(math.sqrt(0.01 * (1 / 10 + 1 / seeds)))


def evidence(worse: float, *, spread: float = 0.1, seeds: int = 10, final: bool = True, noise: float = 0.0) -> Evidence:
    """Seeds at the very quantiles of a normal distribution."""
    base, head = (stats.norm.ppf((np.arange(n) + 0.5) / n) * spread for n in (10, seeds))
    return Evidence(tuple(base), tuple(head + worse), math.log(2), noise, final)


@pytest.mark.parametrize(
    ("case", "verdict"),
    [
        (evidence(0.0), "pass"),
        (evidence(math.log(1.04), spread=0.005), "pass"),  # worse for sure, but within the margin for sure
        (evidence(math.log(1.5)), "regressed"),
        (evidence(-math.log(1.5)), "improved"),
        (evidence(-math.log(1.04), spread=0.005), "pass"),  # better for sure, but hardly
        (evidence(math.log(1.22)), "inconclusive"),
        (evidence(0.0, spread=0.8), "inconclusive"),
        (evidence(0.0, seeds=3, final=False), "pass"),
        (evidence(0.0, seeds=3), "pass"),
        (evidence(math.log(1.1), spread=0.0), "regressed"),  # no spread: what differs differs
        (evidence(0.0, spread=0.0), "pass"),
        (evidence(0.3, spread=0.02, noise=0.1), "inconclusive"),  # seeds that agree by chance
    ],
)
def test_verdicts(case: Evidence, verdict: str) -> None:
    decision, *_ = decide([case, *[evidence(0.0)] * 31], Errors())
    assert decision.verdict == verdict, decision
    assert decision.low <= decision.worse <= decision.high
    assert bool(decision.why) == (verdict != "pass")


def test_a_first_look_that_is_not_suspicious_is_never_a_regression() -> None:
    (decision,) = decide([evidence(math.log(3), seeds=3, final=False)], Errors())
    assert decision.verdict != "regressed" and decision.p_no_worse == decision.p_margin == 1


def test_a_first_look_would_have_seen_what_ten_seeds_see() -> None:
    """What is as large looks suspicious, and gets the cell its other seeds; the spread is that of both sides."""
    case = evidence(0.0, seeds=3, final=False)
    (decision,) = decide([case], Errors())
    spread = math.sqrt((9 * np.var(case.base, ddof=1) + 2 * np.var(case.head, ddof=1)) / 11)
    whole = smallest_seen(spread * math.sqrt(1 / 10 + 1 / 10), 18.0, 1, Errors().part(1 - PAIRS))
    assert decision.smallest == pytest.approx(float(whole))


def test_the_family_counts() -> None:
    """A change that alone is seen is not among many others."""
    case = evidence(math.log(1.22))
    assert decide([case], Errors())[0].verdict == "regressed"
    assert decide([case, *[evidence(0.0)] * 63], Errors())[0].verdict == "inconclusive"


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), min_size=5, max_size=12), st.floats(0, 1))
def test_pairs_are_compared_by_students_test_at_their_share(pairs: list[tuple[float, float]], by: float) -> None:
    base, head = np.array(pairs).T
    if np.ptp(head - base) < 1e-3 or np.ptp(base) < 1e-3 or np.ptp(head) < 1e-3:
        return
    here = stats.ttest_rel(head - by, base, alternative="greater").pvalue
    there = stats.ttest_rel(head + by, base, alternative="less").pvalue
    found = compare(base, head, paired=len(pairs))
    whole = contrast(base, head)
    assert found.p(by) == pytest.approx(min(here / PAIRS, whole.p(by) / (1 - PAIRS), 1.0), rel=1e-6, abs=1e-12)
    better = min(there / PAIRS, whole.p_better(by) / (1 - PAIRS), 1.0)
    assert found.p_better(by) == pytest.approx(better, rel=1e-6, abs=1e-12)


def test_the_interval_of_a_change_covers_it() -> None:
    """Also the narrower of two."""
    rng = np.random.default_rng(8)
    ends = [compare(*rng.normal(size=(2, 10)), paired=5).estimate() for _ in range(TIMES)]
    assert sum(low <= 0 <= high for _, low, high in ends) / TIMES >= 0.95 - chance(0.95, TIMES)


def test_only_values_that_belong_together_are_pairs_and_few_of_them_are_none() -> None:
    base, head = [0.0, 1.0, 2.0, 3.0, 4.0, 9.0], [0.3, 1.3, 2.3, 3.3, 4.4, 9.0, -9.0]
    assert compare(base, head, paired=4).pairs is None
    five = compare(base, head, paired=5)
    assert five.pairs is not None and five.pairs.worse == pytest.approx(0.32)
    worse, low, high = five.estimate()
    assert worse == pytest.approx(0.32) and low < worse < high < 0.45, "the narrower interval, around its own estimate"
    noisy = compare(base, head, 0.5, paired=5)
    assert noisy.pairs is not None and noisy.pairs.error == pytest.approx(math.sqrt(0.5 / 5)), "agreement by chance"
    assert five.smallest_seen(8, Errors()) < compare(base, head, paired=0).smallest_seen(8, Errors())


@settings(max_examples=40)
@given(SIDE, SIDE, st.floats(-5, 5))
def test_only_the_difference_counts(base: list[float], head: list[float], by: float) -> None:
    """Values in other units of a ratio scale give the same verdict; and what got worse one way got better the other."""
    if np.ptp(base) < 1e-3 or np.ptp(head) < 1e-3:
        return
    (here,) = decide([Evidence(tuple(base), tuple(head), math.log(2))], Errors())
    moved = Evidence(tuple(np.add(base, by)), tuple(np.add(head, by)), math.log(2))
    assert decide([moved], Errors())[0].verdict == here.verdict
    back = decide([Evidence(tuple(head), tuple(base), math.log(2))], Errors())[0].verdict
    assert (here.verdict == "regressed") == (back == "improved")


def test_the_stages_share_the_error_out() -> None:
    assert FROZEN.no_worse + TRAINED.no_worse == pytest.approx(Errors().no_worse)
    assert FROZEN.within_margin + TRAINED.within_margin == pytest.approx(Errors().within_margin)
