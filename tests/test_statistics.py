"""Intervals: against scipy, at the edges, and their coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from condbench.statistics import wilson


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
def test_wilson_agrees_with_scipy(trials: tuple[int, int], confidence: float) -> None:
    successes, n = trials
    expected = binomtest(successes, n).proportion_ci(confidence, method="wilson")
    assert wilson(successes, n, confidence) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_mirrors(trials: tuple[int, int]) -> None:
    successes, n = trials
    low, high = wilson(successes, n)
    assert 0 <= low <= successes / n <= high <= 1
    mirrored = wilson(n - successes, n)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-12)


@pytest.mark.parametrize("successes, n, confidence", [(-1, 10, 0.95), (11, 10, 0.95), (0, 0, 0.95), (1, 2, 1.0)])
def test_wilson_refuses_what_is_no_share(successes: int, n: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="no interval"):
        wilson(successes, n, confidence)


def test_wilson_covers_as_often_as_it_says() -> None:
    """Over accuracies drawn at random, 95 % of the intervals hold the true one: within 0.5 points of it."""
    rng = np.random.default_rng(0)
    truths = rng.uniform(0.02, 0.98, 40_000)
    for n in (50, 500, 2000):
        ends = np.array([wilson(k, n) for k in range(n + 1)])
        low, high = ends[rng.binomial(n, truths)].T
        assert np.mean((low <= truths) & (truths <= high)) == pytest.approx(0.95, abs=0.005)
