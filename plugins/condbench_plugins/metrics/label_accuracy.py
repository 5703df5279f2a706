"""Whether samples obey u: the share in which a judge sees the class that was asked for; and the judge's own accuracy.

The judge is another network than the extractor of FID. No accuracy means more than the judge's own on real test
images, which `measure_judge` puts beside it. Chance is one in the number of classes. A mean hides a class that fails,
so the mean has its confusion matrix, and `measure_worst` looks at the class that is obeyed least.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from condbench.evaluation import Evaluation, Measurement, Unavailable, class_part
from condbench.results import Table
from condbench.statistics import wilson
from condbench_plugins.metrics.classifiers import Weights, as_input, load
from condbench_plugins.metrics.labels import names
from condbench_plugins.metrics.networks import run, weights_for
from condbench_plugins.metrics.reference import cached


def measure(evaluation: Evaluation) -> Measurement:
    """The share of samples whose class, as judged, is u's; with its Wilson interval and the confusion matrix.

    Raises:
        Unavailable: if u holds no class or is not known, no judge suits the data, or there are no samples.
    """
    confusion = _confusion(evaluation)
    shares = [
        tuple(float(count / line.sum()) for count in line) if line.any() else (None,) * len(line) for line in confusion
    ]
    classes = names(evaluation)
    table = Table(
        title="share of the samples of a class (row) that the judge takes for another (column)",
        rows=classes,
        columns=classes,
        values=tuple(shares),
    )
    return replace(_share(np.diagonal(confusion).sum(), confusion.sum()), table=table)


def measure_worst(evaluation: Evaluation) -> Measurement:
    """The same of the class that is obeyed least, which the note names; ``n`` is how many samples it has.

    The interval is one for the least of all classes' true shares: Wilson's of each class, at a confidence that makes
    all of them hold at once (Bonferroni), since the worst of ten is chosen by its luck too.

    Raises:
        Unavailable: as for `measure`.
    """
    confusion = _confusion(evaluation)
    asked = [label for label, line in enumerate(confusion) if line.any()]
    confidence = 1 - 0.05 / len(asked)
    shares = {label: _share(confusion[label, label], confusion[label].sum(), confidence) for label in asked}
    worst = min(asked, key=lambda label: (shares[label].value, -shares[label].n))  # of equals, the surest
    return replace(
        shares[worst],
        low=min(share.low for share in shares.values() if share.low is not None),
        high=min(share.high for share in shares.values() if share.high is not None),
        note=f"label {names(evaluation)[worst]}",
    )


def measure_judge(evaluation: Evaluation) -> Measurement:
    """The share of real test images that the judge classifies correctly; with its Wilson interval.

    Raises:
        Unavailable: if u holds no class, no judge suits the data, or there are no test images.
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
    hits = judged["classes"] == test.u[class_part(evaluation.dataset.task)]
    return _share(hits.sum(), len(hits))


def _confusion(evaluation: Evaluation) -> NDArray[np.int64]:
    """How many samples of each class (row) the judge takes for each class (column)."""
    weights = _judge_weights(evaluation)
    labels = evaluation.labels
    if not len(labels):
        raise Unavailable("there are no images to judge")
    judged = evaluation.shared("condbench/judged", lambda: _judge(weights, evaluation, evaluation.samples))
    confusion = np.zeros((weights.classes, weights.classes), np.int64)
    np.add.at(confusion, (labels, judged), 1)
    return confusion


def _judge_weights(evaluation: Evaluation) -> Weights:
    """The weights of the judge, whose classes must be the task's."""
    task = evaluation.dataset.task
    classes = task.condition[class_part(task)].size
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


def _share(hits: int, n: int, confidence: float = 0.95) -> Measurement:
    """A share with its interval."""
    if n == 0:
        raise Unavailable("there are no images to judge")
    low, high = wilson(int(hits), int(n), confidence)
    return Measurement(int(hits) / int(n), int(n), low, high)
