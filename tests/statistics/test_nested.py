"""The nested analysis: its interval covers, and it tells drawing from training."""

from __future__ import annotations

import math

import numpy as np
import pytest

from condbench.statistics import nested
from condbench.statistics.nested import Nested
from tests.statistics.simulation import chance, rate

TIMES = 2000


def found(rng: np.random.Generator, training: float, drawing: float, seeds: int = 5, draws: int = 3) -> Nested:
    """Of four combinations whose typical FIDs are far apart."""
    return nested(
        [
            [
                [math.exp(level + of_seed + rng.normal(0, drawing)) for _ in range(draws)]
                for of_seed in rng.normal(0, training, seeds)
            ]
            for level in (-1.0, 0.0, 1.0, 2.0)
        ],
        "log",
    )


@pytest.mark.parametrize(("training", "drawing"), [(0.1, 0.05), (0.05, 0.1), (0.0, 0.1)])
def test_the_interval_covers(training: float, drawing: float) -> None:
    truth = drawing**2 / (training**2 + drawing**2)

    # Each end misses half of the time that both may, but that a share is cut off at one, where one end cannot.
    above = rate(lambda rng: found(rng, training, drawing).low > truth, TIMES)
    below = rate(lambda rng: found(rng, training, drawing).high < truth, TIMES)
    assert abs(above - (0.025 if training else 0.0)) < chance(0.025, TIMES)
    assert abs(below - 0.025) < chance(0.025, TIMES)


def test_both_parts_are_found() -> None:
    one = found(np.random.default_rng(0), 0.1, 0.03, seeds=200)
    assert one.training == pytest.approx(0.1, rel=0.1)
    assert one.drawing == pytest.approx(0.03, rel=0.1)
    assert one.value == pytest.approx(0.03**2 / (0.1**2 + 0.03**2), abs=0.03)
    assert (one.trainings, one.draws) == (800, 3)
    assert f"{one.value:.0%} [" in one.in_words


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([[[1.0, 2.0]]], "two seeds"),
        ([[[1.0], [2.0]]], "two sets of samples"),
        ([[[1.0, 2.0], [2.0]], [[1.0, 2.0], [2.0, 3.0]]], "two sets"),
        ([[[1.0, 2.0], [2.0, 3.0, 4.0]]], "unequal"),
        ([[[1.0, 1.0], [2.0, 2.0]]], "same value"),
        ([[[2.0, 2.0 + 4e-16], [3.0, 3.0 - 4e-16]]], "same value"),
        ([[[1.0, -1.0], [2.0, 2.0]]], "not positive"),
    ],
)
def test_what_cannot_be_told_is_said(values: list[list[list[float]]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        nested(values, "log")
