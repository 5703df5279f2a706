"""Intervals: against scipy, at the edges, and their coverage by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from scipy.stats import t as scipy_t

from condbench.statistics import over_seeds, scale_of, wilson
from tests.statistics.simulation import chance, holds, rate


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


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_the_interval_of_fid_over_seeds_covers(seeds: int) -> None:
    """FID of seeds that differ by 30 %: 95 % of the intervals hold the geometric mean; with z, 81 % of 3 seeds."""

    def covers(rng: np.random.Generator) -> bool:
        found = over_seeds(np.exp(rng.normal(1.0, 0.3, seeds)).tolist(), "log")
        return holds(found.low, math.e, found.high)

    assert rate(covers, 2000) == pytest.approx(0.95, abs=chance(0.95, 2000))


@pytest.mark.parametrize("seeds, typical, spread", [(3, 0.99, 1.0), (5, 0.1, 0.05), (5, 0.9, 0.5), (10, 0.99, 1.0)])
def test_the_interval_of_accuracy_over_seeds_covers(seeds: int, typical: float, spread: float) -> None:
    """Seeds whose true accuracies differ, judged on 2,000 samples each: the interval holds the typical one's."""
    centre = math.log(typical / (1 - typical))

    def covers(rng: np.random.Generator) -> bool:
        true = 1 / (1 + np.exp(-rng.normal(centre, spread, seeds)))
        found = over_seeds((rng.binomial(2000, true) / 2000).tolist(), "logit", 2000)
        return holds(found.low, typical, found.high)

    assert rate(covers, 1500) == pytest.approx(0.95, abs=chance(0.95, 1500) + 0.005)


def test_a_percentile_bootstrap_would_not_cover() -> None:
    """Why there is none: over 5 seeds it holds the mean 83 % of the time."""

    def covers(rng: np.random.Generator) -> bool:
        means = rng.choice(rng.normal(0, 1, 5), (400, 5)).mean(axis=1)
        low, high = np.quantile(means, [0.025, 0.975])
        return holds(low, 0.0, high)

    assert rate(covers, 1000) < 0.88


@given(st.lists(st.floats(0.01, 1000), min_size=2, max_size=10))
def test_the_interval_over_seeds_is_scipys_on_the_logs(values: list[float]) -> None:
    found = over_seeds(values, "log")
    if found.low is None or found.high is None:
        assert max(values) == pytest.approx(min(values)) and found.value == values[0]
        return
    logs = np.log(values)
    expected = np.exp(scipy_t.interval(0.95, len(values) - 1, logs.mean(), logs.std(ddof=1) / math.sqrt(len(values))))
    assert (found.low, found.high) == pytest.approx(tuple(expected))
    assert min(values) <= found.value <= max(values) and found.low <= found.value <= found.high


def test_where_there_is_no_interval_over_seeds_it_says_why() -> None:
    for values, scale, why in (
        ([2.0], "log", "one seed"),
        ([2.0, 2.0], "log", "the same value"),
        ([2.0, 0.0], "log", "not positive"),
        ([0.5, 1.0], "logit", "not between 0 and 1"),
    ):
        found = over_seeds(values, scale)  # type: ignore[arg-type]
        assert found.low is None and found.high is None and why in found.why and found.seeds == len(values)
    assert over_seeds([0.5, 1.0], "logit", n=100).low is not None, "of 100 samples, all right is one half short of 1"


def test_a_metrics_scale_is_by_what_it_is() -> None:
    asked = {
        ("fid", ""): "log", ("intra_fid", ""): "log", ("sampling_throughput", "images/s"): "log",
        ("label_accuracy", "share"): "logit", ("kid", ""): "identity", ("bits_per_dimension", "bits"): "identity",
    }  # fmt: skip
    assert {which: scale_of(*which) for which in asked} == asked
