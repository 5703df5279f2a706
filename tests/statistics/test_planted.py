"""Errors in the statistics that a reader might make, planted one by one: a simulation must notice each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

import numpy as np
import pytest
from scipy.special import ndtr

from tests.statistics import test_comparison, test_factorial, test_intervals

INTERVALS, COMPARISON, FACTORIAL = (
    import_module(f"condbench.statistics.{name}") for name in ("intervals", "comparison", "factorial")
)


def z(freedom: float) -> float:
    """The normal quantile where Student's belongs."""
    return 1.96


def biased_std(values: Sequence[float], ddof: int) -> float:
    return float(np.sqrt(np.mean((np.asarray(values) - np.mean(values)) ** 2)))


def biased_variance(values: Sequence[float], ddof: int) -> float:
    return biased_std(values, ddof) ** 2


PLANTED: dict[str, tuple[object, str, object, Callable[[], None]]] = {
    "z for t over seeds": (
        INTERVALS, "t_quantile", z,
        lambda: test_intervals.test_the_interval_of_fid_over_seeds_covers(5),
    ),
    "biased variance over seeds": (
        INTERVALS.np, "std", biased_std,
        lambda: test_intervals.test_the_interval_of_fid_over_seeds_covers(5),
    ),
    "z for t in pairs": (
        COMPARISON, "t_quantile", z,
        lambda: test_comparison.test_the_ratio_of_fids_of_the_same_seeds_covers(5),
    ),
    "biased variance between strangers": (
        COMPARISON.np, "var", biased_variance,
        lambda: test_comparison.test_the_ratio_of_fids_of_strangers_covers(5, 0.1),
    ),
    "a normal p-value": (
        COMPARISON, "t_test", lambda statistic, freedom: 2 * float(ndtr(-abs(statistic))),
        lambda: test_comparison.test_no_change_in_16_combinations_is_seldom_called_one(COMPARISON.paired, 5),
    ),
    "no Holm": (
        test_comparison, "holm", list,
        lambda: test_comparison.test_no_change_in_16_combinations_is_seldom_called_one(COMPARISON.paired, 5),
    ),
    "an interval that says nothing": (
        COMPARISON, "newcombe", lambda *_: (0.0, 1.0),
        lambda: test_comparison.test_the_probability_of_improvement_covers(10, 1.0, 1.0),
    ),
    "z for t in effects": (
        FACTORIAL, "t_quantile", lambda freedom: 1.5,
        lambda: test_factorial.test_marginal_effects_cover_with_holes_and_unequal_spreads({}),
    ),
    "an F test that finds nothing": (
        import_module("scipy.special"), "fdtrc", lambda *_: 1.0,
        test_factorial.test_what_is_there_is_found,
    ),
}  # fmt: skip


@pytest.mark.parametrize("error", PLANTED)
def test_a_planted_error_is_noticed(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, wrong, check = PLANTED[error]
    monkeypatch.setattr(FACTORIAL, "_DRAWS", 2)
    monkeypatch.setattr(where, name, wrong)
    with pytest.raises(AssertionError):
        check()
