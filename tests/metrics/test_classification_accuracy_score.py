"""The classification accuracy score: high for real images, low for samples that lack what a classifier must learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from condbench.data import Dataset, Split, spread
from condbench.evaluation import Evaluation, Unavailable
from condbench.specs import Domain
from condbench.statistics import wilson
from condbench_plugins.metrics import classification_accuracy_score as cas

MakeEvaluation = Callable[..., Evaluation]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, digits: Dataset) -> Dataset:
    """A recipe of a second, and digits that are tested in as little."""
    monkeypatch.setattr(cas, "RECIPE", replace(cas.RECIPE, images=2000, batch_size=50))
    return replace(digits, test=Split(digits.test.x[:500], (digits.test.u[0][:500],)))


def test_real_images_score_as_the_note_says(small: Dataset, evaluation_of: MakeEvaluation) -> None:
    """Train images evenly spaced are just those that the note is about; the same seed gives the same score again."""
    rows = spread(1000, len(small.train))
    images, labels = small.train.x[rows], small.train.u[0][rows]
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    score = cas.measure(evaluation_of(images, labels, small))
    assert torch.rand(1) == expected, "what is drawn after the metric does not depend on it"
    assert 0.8 < score.value < 1 and score.n == 500
    assert (score.low, score.high) == wilson(round(score.value * 500), 500)
    assert score.note == f"{score.value:.3f} if trained on 1,000 real train images"


def test_what_samples_lack_is_not_learned(small: Dataset, evaluation_of: MakeEvaluation) -> None:
    images, labels = small.train.x[:1000], small.train.u[0][:1000]
    scrambled = cas.measure(evaluation_of(images, np.random.default_rng(0).permutation(labels), small))
    assert scrambled.value < 0.3, "labels that are not obeyed"
    halved = np.isin(labels, np.arange(5))
    half = cas.measure(evaluation_of(images[halved], labels[halved], small))
    seen = np.isin(small.test.u[0], np.arange(5)).mean()
    assert 0.3 < half.value <= seen, "labels that are missing"
    assert half.note.endswith(f"on {halved.sum():,} real train images")


def test_the_real_score_is_computed_once(
    small: Dataset, evaluation_of: MakeEvaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONDBENCH_CACHE", str(tmp_path))
    trained: list[int] = []
    monkeypatch.setattr(cas, "_score", lambda dataset: trained.append(len(dataset.train)) or 0.5)
    evaluation = evaluation_of(small.train.x[:100], small.train.u[0][:100], small)
    for _ in range(2):
        assert cas.measure(evaluation).note == "0.500 if trained on 100 real train images"
    assert trained == [100, 100, 100], "once real, twice samples"
    relabelled = replace(small, test=Split(small.test.x, (9 - small.test.u[0],)))
    cas.measure(replace(evaluation, dataset=relabelled))
    assert len(trained) == 5, "another test split has a real score of its own"


def test_where_it_is_not_defined(small: Dataset, evaluation_of: MakeEvaluation) -> None:
    x = small.train.x[:10]
    caption = replace(small, task=replace(small.task, condition=(Domain("tokens", (8,), 100),)))
    with pytest.raises(Unavailable, match="holds no class but: tokens"):
        cas.measure(evaluation_of(x, dataset=caption))
    with pytest.raises(Unavailable, match="no labels were given"):
        cas.measure(replace(evaluation_of(x), u=()))
    with pytest.raises(Unavailable, match="no samples"):
        cas.measure(evaluation_of(x[:0]))
    with pytest.raises(Unavailable, match="must be uint8 of shape"):
        cas.measure(evaluation_of(np.zeros((10, 1, 32, 32), np.uint8)))
