"""Memorisation: copies are found, unseen real images are not, and the interval holds what it should."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from condbench.data import Dataset
from condbench.evaluation import Evaluation
from condbench.statistics import newcombe
from condbench_plugins.metrics import memorisation
from condbench_plugins.metrics.neighbours import nearest_distances

MakeEvaluation = Callable[..., Evaluation]


def test_train_images_are_copies(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    measured = memorisation.measure(evaluation_of(digits.train.x[:400], digits.train.u[0][:400]))
    assert measured.value > 0.999
    assert measured.low is not None and measured.low > 0.98
    assert "train image 0, " in measured.note
    assert measured.note.endswith("400 of 400 samples are copies of train images or nearly so")


def test_a_tenth_of_copies_is_counted(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    samples = np.concatenate([digits.train.x[:40], digits.test.x[:360]])
    assert "40 of 400 samples are copies" in memorisation.measure(evaluation_of(samples)).note


def test_unseen_real_images_are_like_unseen_real_images(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    measured = memorisation.measure(evaluation_of(digits.test.x))
    assert measured.value == 0.5
    half = memorisation.measure(evaluation_of(digits.test.x[::2]))
    assert half.low is not None and half.high is not None
    assert half.low < 0.5 < half.high
    assert half.n == len(digits.test.x[::2])


def test_noise_is_farther_than_anything(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 1, 28, 28), np.uint8)
    assert memorisation.measure(evaluation_of(noise)).value < 0.1


@settings(max_examples=25)
@given(st.integers(1, 60), st.integers(1, 90), st.integers(0, 1000))
def test_nearest_distances_are_exact(queries: int, references: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    some = torch.randn(queries, 5, generator=generator)
    reference = torch.cat([torch.randn(references, 5, generator=generator), some[:1]])
    expected = torch.cdist(some.double(), reference.double()).amin(1).numpy()
    found = nearest_distances(some, reference)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    assert found[0] == 0


@settings(max_examples=50)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=20), st.lists(st.integers(0, 9), min_size=1, max_size=20))
def test_the_probability_is_the_share_of_pairs(one: list[int], other: list[int]) -> None:
    expected = np.mean([(a < b) + (a == b) / 2 for a in one for b in other])
    found = memorisation.probability_smaller(np.array(one, float), np.array(other, float))
    assert found == pytest.approx(expected)
    low, high = newcombe(found, len(one), len(other), 1.96)
    assert 0 <= low <= found <= high <= 1
    assert low < high


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_the_interval_holds_the_true_probability_as_often_as_it_says(shift: float) -> None:
    rng = np.random.default_rng(0)
    truth = float(torch.distributions.Normal(0.0, 1.0).cdf(torch.tensor(shift / np.sqrt(2))))
    held = 0
    for _ in range(1000):
        value = memorisation.probability_smaller(rng.normal(-shift, 1, 40), rng.normal(0, 1, 60))
        low, high = newcombe(value, 40, 60, 1.96)
        held += low <= truth <= high
    assert 0.92 <= held / 1000 <= 0.99
