"""Label accuracy and the judge's own: on real images, on noise, and where there is no class to obey."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from condbench.data import Dataset
from condbench.evaluation import Evaluation, Unavailable
from condbench.specs import Domain
from condbench.statistics import wilson
from condbench_plugins.metrics import label_accuracy

MakeEvaluation = Callable[..., Evaluation]


def test_real_images_are_judged_as_the_card_says(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    evaluation = evaluation_of(digits.test.x)
    obeyed, judge = label_accuracy.measure(evaluation), label_accuracy.measure_judge(evaluation)
    assert replace(obeyed, table=None) == judge
    assert judge.value >= 0.99
    assert judge.n == len(digits.test)
    assert (judge.low, judge.high) == wilson(round(judge.value * judge.n), judge.n)


def test_wrong_labels_are_not_obeyed(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    images, labels = digits.test.x[:500], digits.test.u[0][:500]
    assert label_accuracy.measure(evaluation_of(images, (labels + 1) % 10)).value < 0.02


def test_images_that_ignore_the_label_are_near_chance(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    labels = np.random.default_rng(0).integers(0, 10, 1996)
    chance = label_accuracy.measure(evaluation_of(digits.test.x, labels))
    assert chance.low is not None and chance.high is not None
    assert chance.low < 0.1 < chance.high


def test_the_confusion_matrix_has_a_row_for_each_class_asked_for(
    digits: Dataset, evaluation_of: MakeEvaluation
) -> None:
    """Fours that were asked to be nines stand in the row of nine and the column of four; of 0 there are none."""
    images, classes = digits.test.x[:600], digits.test.u[0][:600]
    images, classes = images[classes > 0], classes[classes > 0]
    labels = np.where((classes == 4) & (np.arange(len(classes)) % 2 == 0), 9, classes)
    measured = label_accuracy.measure(evaluation_of(images, labels))
    table = measured.table
    assert table is not None and table.rows == table.columns == digits.labels
    assert table.values[0] == (None,) * 10
    values = np.array(table.values[1:], float)
    np.testing.assert_allclose(values.sum(1), 1)
    assert values[8, 4] == pytest.approx(((labels == 9) & (classes == 4)).sum() / (labels == 9).sum(), abs=0.03)
    hits = values[np.arange(9), np.arange(1, 10)] * np.bincount(labels)[1:]
    assert hits.sum() / len(labels) == pytest.approx(measured.value), "the value is what the table says"


def test_the_worst_label_is_found(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    classes = digits.test.u[0]
    spoilt = np.where((classes == 7) & (np.arange(len(classes)) % 2 == 0), 8, classes)
    worst = label_accuracy.measure_worst(evaluation_of(digits.test.x, spoilt))
    assert worst.note == "label 8" and worst.n == (spoilt == 8).sum()
    assert worst.value == pytest.approx((classes == 8).sum() / (spoilt == 8).sum(), abs=0.03)


def test_the_worst_labels_interval_covers_although_it_was_chosen(
    digits: Dataset, evaluation_of: MakeEvaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten labels of one true accuracy: the worst of them looks worse than it is, which Wilson's own does not know."""
    rng = np.random.default_rng(0)
    labels = np.arange(1000) % 10
    evaluation = evaluation_of(np.zeros((1000, 1, 28, 28), np.uint8), labels)
    covered, plain = [], []
    for _ in range(300):
        confusion = np.zeros((10, 10), np.int64)
        hits = rng.binomial(100, 0.8, 10)
        np.fill_diagonal(confusion, hits)
        confusion[np.arange(10), (np.arange(10) + 1) % 10] = 100 - hits
        monkeypatch.setattr(label_accuracy, "_confusion", lambda evaluation, confusion=confusion: confusion)
        worst = label_accuracy.measure_worst(evaluation)
        assert worst.low is not None and worst.high is not None
        covered.append(worst.low <= 0.8 <= worst.high)
        plain.append(wilson(hits.min(), 100)[1] >= 0.8)
    assert np.mean(covered) >= 0.95 > 0.9 > np.mean(plain)


def test_the_judges_accuracy_does_not_depend_on_the_samples(evaluation_of: MakeEvaluation) -> None:
    black = evaluation_of(np.zeros((10, 1, 28, 28), np.uint8))
    assert label_accuracy.measure_judge(black).n == 1996


def test_where_it_is_not_defined(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    x = digits.test.x[:10]
    caption = replace(digits, task=replace(digits.task, condition=(Domain("tokens", (8,), 100),)))
    birds = replace(digits, family="birds")
    letters = replace(digits, task=replace(digits.task, condition=(Domain("class", (), 26),)))
    nothing = replace(digits, task=replace(digits.task, condition=()))
    colour = replace(digits, task=replace(digits.task, target=Domain("image", (3, 28, 28))))
    for measure in (label_accuracy.measure, label_accuracy.measure_judge):
        with pytest.raises(Unavailable, match="holds no class but: nothing"):
            measure(evaluation_of(x, dataset=nothing))
        with pytest.raises(Unavailable, match=r"trained on images \(1, 28, 28\)"):
            measure(evaluation_of(np.zeros((10, 3, 28, 28), np.uint8), dataset=colour))
        with pytest.raises(Unavailable, match="must be uint8 of shape"):
            measure(evaluation_of(np.zeros((10, 1, 32, 32), np.uint8)))
    with pytest.raises(Unavailable, match="holds no class but: tokens"):
        label_accuracy.measure(evaluation_of(x, dataset=caption))
    with pytest.raises(Unavailable, match="no judge ships"):
        label_accuracy.measure(evaluation_of(x, dataset=birds))
    with pytest.raises(Unavailable, match="the judge knows 10 classes; the task has 26"):
        label_accuracy.measure_judge(evaluation_of(x, dataset=letters))
    for measure in (label_accuracy.measure, label_accuracy.measure_worst):
        with pytest.raises(Unavailable, match="10 samples with 3 labels"):
            measure(evaluation_of(x, digits.test.u[0][:3]))
        with pytest.raises(Unavailable, match="no images"):
            measure(evaluation_of(x[:0]))
        with pytest.raises(Unavailable, match="no labels were given"):
            measure(replace(evaluation_of(x), u=()))
    assert label_accuracy.measure_judge(replace(evaluation_of(x), u=())).value > 0.98
