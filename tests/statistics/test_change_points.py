"""Change points: where a level changes it is found there, and noise alone has none, however many series there are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from condbench.statistics import change_points as module
from condbench.statistics.change_points import benjamini_hochberg, change_points
from tests.statistics.simulation import chance


def test_levels_are_found_where_they_begin() -> None:
    rng = np.random.default_rng(0)
    series = np.concatenate([np.full(12, 0.0), np.full(10, 1.0), np.full(12, 0.2)]) + 0.1 * rng.standard_normal(34)
    assert change_points([series.tolist()], level=0.01) == [[12, 22]]


def test_a_family_without_a_change_seldom_has_one() -> None:
    """Twelve series: each at the whole error, every other family would have one."""
    rng, times = np.random.default_rng(1), 100
    alarms = [any(change_points(list(rng.standard_normal((12, 16))))) for _ in range(times)]
    assert np.mean(alarms) <= 0.05 + chance(0.05, times)


def test_of_the_series_that_changed_most_are_found_and_few_others() -> None:
    """Four of twelve, by four times their spread, in the last six of twenty runs."""
    rng, times = np.random.default_rng(2), 60
    false, right = [], []
    for _ in range(times):
        family = rng.standard_normal((12, 20))
        family[:4, -6:] += 4
        found = [bool(starts) for starts in change_points(list(family))]
        false.append(sum(found[4:]) / max(1, sum(found)))
        right.append(sum(found[:4]) / 4)
    assert np.mean(false) <= 0.05 + chance(0.05, times)
    assert np.mean(right) > 0.95


def test_one_change_among_a_hundred_is_found() -> None:
    """There are random orders enough for a p-value that holds among so many."""
    rng = np.random.default_rng(3)
    family = rng.standard_normal((100, 20))
    family[7, -8:] += 6
    assert change_points(list(family))[7] == [12]


@given(st.lists(st.floats(0, 1), max_size=30), st.floats(0.01, 0.2))
def test_the_level_is_benjamini_and_hochbergs(p_values: list[float], level: float) -> None:
    adjusted = false_discovery_control(p_values) if p_values else np.array([])
    if np.any(np.abs(adjusted - level) < 1e-9):
        return  # a tie that rounding decides
    left = benjamini_hochberg(p_values, level)
    assert [p <= left and left > 0 for p in p_values] == (adjusted <= level).tolist()


def test_the_energy_is_that_of_the_paper() -> None:
    """Equations 5 to 7, a pair at a time."""
    series = np.random.default_rng(4).standard_normal(9)
    for at, found in enumerate(module._energies(series[None])[0], 2):
        x, y = series[:at], series[at:]
        between = np.mean([abs(a - b) for a in x for b in y])
        within = [np.mean([abs(a - b) for a, b in itertools.combinations(side, 2)]) for side in (x, y)]
        assert found == pytest.approx(len(x) * len(y) / 9 * (2 * between - sum(within)))


def test_orders_that_are_as_good_are_counted_whatever_their_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the 70 ways to put four large values among eight, two have a split as good: they come last, or first."""
    monkeypatch.setattr(module, "_HITS", 10**6)  # all orders are looked at
    fids = np.log([0.83, 0.84, 0.86, 0.91, 1.3, 1.31, 1.41, 1.33])
    split = module._best(fids, 20_000, 0)
    assert split is not None and split.at == 4
    assert split.p == pytest.approx(2 / 70, abs=0.004)


def test_a_p_value_that_is_not_small_is_known_after_few_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """And on average it is the same."""
    rng = np.random.default_rng(6)
    several = [rng.standard_normal(12) for _ in range(40)]
    soon = [split.p for series in several if (split := module._best(series, 999, 0)) is not None]
    monkeypatch.setattr(module, "_HITS", 10**6)
    exact = [split.p for series in several if (split := module._best(series, 999, 1)) is not None]
    assert np.corrcoef(soon, exact)[0, 1] > 0.95
    assert np.mean(soon) == pytest.approx(np.mean(exact), abs=0.03)


def test_of_seven_values_no_split_is_better_than_chance() -> None:
    """Two of their 35 orders have as good a split as the best there is, and so few random orders may say less."""
    series = [0.0] * 3 + [1.0] * 4
    assert not any(change_points([series], seed=seed)[0] for seed in range(60))


def test_nothing_to_find() -> None:
    assert change_points([]) == []
    assert change_points([[], [1.0], [1.0] * 20, [1.0, 2.0, 3.0], [0.0] * 3 + [1.0] * 4]) == [[]] * 5
