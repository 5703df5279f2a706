"""Diversity within labels: of real images, of a model that repeats itself, and its interval."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from condbench.data import Dataset
from condbench.evaluation import Evaluation, Unavailable
from condbench_plugins.metrics import diversity

MakeEvaluation = Callable[..., Evaluation]


def test_real_images_are_as_diverse_as_real_images(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    measured = diversity.measure(evaluation_of(digits.train.x[:3000], digits.train.u[0][:3000]))
    assert measured.low is not None and measured.high is not None and measured.table is not None
    assert measured.low < 1 < measured.high
    assert measured.table.rows == digits.labels
    assert measured.value == pytest.approx(np.mean(measured.table.values))
    assert diversity.measure(evaluation_of(digits.test.x)).value == pytest.approx(1)


def test_a_model_that_repeats_itself_within_a_label(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    """One of its labels shows the same image again and again."""
    samples = digits.test.x.copy()
    samples[digits.test.u[0] == 7] = samples[digits.test.u[0] == 7][0]
    measured = diversity.measure(evaluation_of(samples))
    assert measured.table is not None
    assert dict(zip(measured.table.rows, measured.table.values, strict=True))["7"] == (pytest.approx(0, abs=1e-6),)
    assert measured.value == pytest.approx(0.9)


def test_other_labels_are_too_diverse(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    rng = np.random.default_rng(0)
    assert diversity.measure(evaluation_of(digits.test.x, rng.permutation(digits.test.u[0]))).value > 1.5


def test_the_error_of_a_variance_is_its_deviation_over_draws() -> None:
    generator = torch.Generator().manual_seed(0)
    scales = torch.tensor([3.0, 1.0, 0.2])
    found = np.array([diversity.variance(torch.randn(80, 3, generator=generator) * scales) for _ in range(400)])
    assert found[:, 0].mean() == pytest.approx(float(scales.square().sum()), rel=0.02)
    assert found[:, 1].mean() == pytest.approx(found[:, 0].std(), rel=0.1)


def test_too_few_of_a_label(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    with pytest.raises(Unavailable, match=r"there are \d samples of the label '\d'; a variance needs at least 10"):
        diversity.measure(evaluation_of(digits.test.x[:60]))
