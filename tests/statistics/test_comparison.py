"""Comparisons: coverage of their intervals, false alarms of their tests, and against scipy and statsmodels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from condbench.statistics import (
    Difference,
    holm,
    mean_improvement,
    paired,
    probability_of_improvement,
    rank_sets,
    unpaired,
)
from condbench.statistics.scales import Scale
from tests.statistics.simulation import chance, holds, rate

Test = Callable[[Sequence[float], Sequence[float], Scale], Difference]
VALUES = st.lists(st.floats(0.1, 100), min_size=2, max_size=8)


def fids(rng: np.random.Generator, typical: float, spread: float, seeds: int) -> list[float]:
    return np.exp(rng.normal(math.log(typical), spread, seeds)).tolist()


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_the_ratio_of_fids_of_the_same_seeds_covers(seeds: int) -> None:
    """What seeds share cancels: B is 0.9 of A, and seeds differ by 30 % of which 27 % are common."""

    def covers(rng: np.random.Generator) -> bool:
        common = rng.normal(0, 0.27, seeds)
        a, b = (np.exp(common + rng.normal(centre, 0.13, seeds)).tolist() for centre in (0.0, math.log(0.9)))
        found = paired(a, b, "log")
        return holds(found.low, 0.9, found.high)

    assert rate(covers, 1500) == pytest.approx(0.95, abs=chance(0.95, 1500))


def test_pairing_sees_what_is_lost_otherwise() -> None:
    """With common noise, five pairs of seeds find a ratio of 0.8 nearly always; as strangers they hardly do."""

    def seen(rng: np.random.Generator, test: Test) -> bool:
        common = rng.normal(0, 0.3, 5)
        a, b = (np.exp(common + rng.normal(centre, 0.05, 5)).tolist() for centre in (0.0, math.log(0.8)))
        return test(a, b, "log").p < 0.05

    assert rate(lambda rng: seen(rng, paired), 300) > 0.95
    assert rate(lambda rng: seen(rng, unpaired), 300) < 0.5


@pytest.mark.parametrize("seeds, spread", [(3, 0.1), (5, 0.1), (5, 0.3), (10, 0.3)])
def test_the_ratio_of_fids_of_strangers_covers(seeds: int, spread: float) -> None:
    """Spreads of 0.1 against 0.1 and against 0.3; Welch is a little cautious at three seeds."""

    def covers(rng: np.random.Generator) -> bool:
        found = unpaired(fids(rng, 1.0, 0.1, seeds), fids(rng, 1.2, spread, seeds), "log")
        return holds(found.low, 1.2, found.high)

    found = rate(covers, 1500)
    assert 0.95 - chance(0.95, 1500) <= found <= 0.97 + chance(0.97, 1500)


@pytest.mark.parametrize("typical", [0.5, 0.97])
def test_a_difference_of_accuracies_covers(typical: float) -> None:
    def covers(rng: np.random.Generator) -> bool:
        centre = math.log(typical / (1 - typical))
        a, b = (1 / (1 + np.exp(-rng.normal(centre, 0.4, 5))) for _ in range(2))
        found = unpaired((rng.binomial(2000, a) / 2000).tolist(), (rng.binomial(2000, b) / 2000).tolist(), "logit")
        return holds(found.low, 0.0, found.high)

    assert 0.95 - chance(0.95, 1500) <= rate(covers, 1500) <= 0.97 + chance(0.97, 1500)


@pytest.mark.parametrize("test, seeds", [(paired, 5), (unpaired, 3)])
def test_no_change_in_16_combinations_is_seldom_called_one(test: Test, seeds: int) -> None:
    """The family's error is below 5 %; without Holm's correction it is about a half."""

    def alarms(rng: np.random.Generator, *, corrected: bool) -> bool:
        p = [test(fids(rng, 3.0, 0.2, seeds), fids(rng, 3.0, 0.2, seeds), "log").p for _ in range(16)]
        return min(holm(p) if corrected else p) < 0.05

    assert rate(lambda rng: alarms(rng, corrected=True), 400) <= 0.05 + chance(0.05, 400)
    assert rate(lambda rng: alarms(rng, corrected=False), 60) > 0.3


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_agrees_with_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


@settings(max_examples=50)
@given(VALUES, VALUES)
def test_differences_agree_with_scipy(a: list[float], b: list[float]) -> None:
    if len(set(a)) > 1 and len(set(b)) > 1:
        found, expected = unpaired(a, b, "identity"), stats.ttest_ind(b, a, equal_var=False)
        agree(found, expected)
    size = min(len(a), len(b))
    if np.ptp(np.subtract(b[:size], a[:size])) > 1e-6:
        agree(paired(a[:size], b[:size], "identity"), stats.ttest_rel(b[:size], a[:size]))


def agree(found: Difference, expected: object) -> None:
    if found.why:
        return
    interval = expected.confidence_interval(0.95)  # type: ignore[attr-defined]
    assert (found.p, found.low, found.high) == pytest.approx(
        (expected.pvalue, interval.low, interval.high), rel=1e-6, abs=1e-9  # type: ignore[attr-defined]
    )  # fmt: skip


def test_without_spread_nothing_is_tested() -> None:
    for found, why in (
        (paired([1.0, 2.0], [1.0, 2.0], "log"), "the same value in both"),
        (paired([1.0, 2.0], [2.0, 4.0], "log"), "the same in every seed"),
        (unpaired([1.0, 1.0], [2.0, 2.0, 2.0], "log"), "neither has any spread"),
    ):
        assert why in found.why and found.p == 1 and found.low is None


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("apart, spread", [(0.0, 3.0), (1.0, 1.0), (3.0, 1.0)])
def test_the_probability_of_improvement_covers(seeds: int, apart: float, spread: float) -> None:
    """At least 95 %: with few seeds the share of pairs has few values, and the interval errs towards caution; but it
    narrows with seeds."""
    truth = stats.norm.cdf(apart / math.hypot(1.0, spread))
    widths = []

    def covers(rng: np.random.Generator) -> bool:
        a, b = rng.normal(0, 1, seeds), rng.normal(apart, spread, seeds)
        found = probability_of_improvement(a.tolist(), b.tolist(), "higher")
        assert found.low is not None and found.high is not None
        widths.append(found.high - found.low)
        return holds(found.low, float(truth), found.high)

    assert rate(covers, 400) >= 0.95 - chance(0.95, 400)
    print(f"{np.mean(widths):.2f} wide")
    assert np.mean(widths) < {3: 0.9, 5: 0.75, 10: 0.55}[seeds]


@pytest.mark.parametrize("seeds", [3, 5])
def test_the_mean_probability_of_improvement_covers(seeds: int) -> None:
    apart = np.linspace(-0.5, 1.5, 9)
    truth = float(stats.norm.cdf(apart / math.sqrt(2)).mean())
    widths = []

    def covers(rng: np.random.Generator) -> bool:
        sides = [(rng.normal(0, 1, seeds).tolist(), rng.normal(by, 1, seeds).tolist()) for by in apart]
        found = mean_improvement([probability_of_improvement(a, b, "higher") for a, b in sides])
        assert found.low is not None and found.high is not None
        widths.append(found.high - found.low)
        return holds(found.low, truth, found.high)

    assert rate(covers, 200) >= 0.95 - chance(0.95, 200)
    print(f"{np.mean(widths):.2f} wide")
    assert np.mean(widths) < 0.3, "nine combinations say more than one"


@settings(max_examples=50)
@given(VALUES, VALUES)
def test_the_probability_of_improvement_mirrors(a: list[float], b: list[float]) -> None:
    there, back = probability_of_improvement(a, b, "lower"), probability_of_improvement(b, a, "lower")
    assert there.value + back.value == pytest.approx(1)
    assert there.low is not None and back.high is not None and there.low + back.high == pytest.approx(1)
    assert 0 <= there.low <= there.value
    assert there.value == pytest.approx(stats.mannwhitneyu(a, b).statistic / len(a) / len(b))


@pytest.mark.parametrize("typical", [(1.0, 1.0, 1.0, 1.0, 1.0), (1.0, 1.0, 1.5, 1.6, 3.0)])
def test_all_ranks_lie_in_their_sets(typical: tuple[float, ...]) -> None:
    """Every rank at once, 95 % of the time, where any order of equals is true; of five equals, less without Holm's."""

    def covers(rng: np.random.Generator, *, corrected: bool) -> bool:
        values = [fids(rng, one, 0.1, 5) for one in typical]
        couples = list(combinations(range(len(typical)), 2))
        found = [unpaired(values[a], values[b], "log") for a, b in couples]
        p = [one.p for one in found]
        held = holm(p) if corrected else p
        better = {
            (a, b) if one.value > 1 else (b, a)
            for (a, b), one, adjusted in zip(couples, found, held, strict=True)
            if adjusted < 0.05
        }
        sets = rank_sets(range(len(typical)), better)
        return all(
            sets[index][0] <= 1 + sum(other < one for other in typical)
            and sum(other <= one for other in typical) <= sets[index][1]
            for index, one in enumerate(typical)
        )

    assert rate(lambda rng: covers(rng, corrected=True), 300) >= 0.95 - chance(0.95, 300)
    if len(set(typical)) == 1:
        assert rate(lambda rng: covers(rng, corrected=False), 100) < 0.9


def test_ranks_of_what_is_told_apart_are_single() -> None:
    assert rank_sets("abc", {("a", "b"), ("a", "c")}) == {"a": (1, 1), "b": (2, 3), "c": (2, 3)}
