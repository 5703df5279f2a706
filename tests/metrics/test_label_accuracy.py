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
    assert obeyed == judge
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
    with pytest.raises(Unavailable, match="10 samples with 3 labels"):
        label_accuracy.measure(evaluation_of(x, digits.test.u[0][:3]))
    with pytest.raises(Unavailable, match="no images"):
        label_accuracy.measure(evaluation_of(x[:0]))
