"""Whether samples obey u: the share in which a judge sees the class that was asked for; and the judge's own accuracy.

The judge is another network than the extractor of FID. No accuracy means more than the judge's own on real test
images, which `measure_judge` puts beside it. Chance is one in the number of classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from condbench.evaluation import Evaluation, Measurement, Unavailable
from condbench.statistics import wilson
from condbench_plugins.metrics.classifiers import Weights, as_input, load
from condbench_plugins.metrics.networks import run, weights_for
from condbench_plugins.metrics.reference import cached


def measure(evaluation: Evaluation) -> Measurement:
    """The share of samples whose class, as judged, is u's; with its Wilson interval.

    Raises:
        Unavailable: if u holds no class, no judge suits the data, or there are no samples.
    """
    weights = _judge_weights(evaluation)
    labels = evaluation.u[_class_part(evaluation)]
    if len(labels) != len(evaluation.samples):
        raise Unavailable(f"{len(evaluation.samples)} samples with {len(labels)} labels")
    judged = evaluation.shared("condbench/judged", lambda: _judge(weights, evaluation, evaluation.samples))
    return _share(judged == labels)


def measure_judge(evaluation: Evaluation) -> Measurement:
    """The share of real test images that the judge classifies correctly; with its Wilson interval.

    Raises:
        Unavailable: as for `measure`.
    """
    weights = _judge_weights(evaluation)
    test = evaluation.dataset.test
    judged = cached(
        "judged",
        test.x,
        weights.sha256,
        evaluation.device,
        lambda: {"classes": _judge(weights, evaluation, test.x)},
    )
    return _share(judged["classes"] == test.u[_class_part(evaluation)])


def _class_part(evaluation: Evaluation) -> int:
    """The position in u of the first part that is a class."""
    kinds = [part.kind for part in evaluation.dataset.task.condition]
    if "class" not in kinds:
        raise Unavailable(f"this task's condition holds no class but: {', '.join(kinds) or 'nothing'}")
    return kinds.index("class")


def _judge_weights(evaluation: Evaluation) -> Weights:
    """The weights of the judge, whose classes must be the task's."""
    classes = evaluation.dataset.task.condition[_class_part(evaluation)].size
    weights = weights_for(evaluation, "judge")
    if weights.classes != classes:
        raise Unavailable(f"the judge knows {weights.classes} classes; the task has {classes}")
    return weights


def _judge(weights: Weights, evaluation: Evaluation, images: NDArray[np.generic]) -> NDArray[np.int64]:
    """The class that the judge sees in each image."""
    judge = load(weights).to(evaluation.device)

    def classes(batch: Tensor) -> Tensor:
        logits: Tensor = judge(as_input(batch))
        return logits.argmax(1)

    return run(classes, images, evaluation.device).numpy()


def _share(hits: NDArray[np.bool_]) -> Measurement:
    """The share of hits with its interval."""
    n = len(hits)
    if n == 0:
        raise Unavailable("there are no images to judge")
    successes = int(hits.sum())
    low, high = wilson(successes, n)
    return Measurement(successes / n, n, low, high)
