"""The labels that samples were drawn for, checked, and what they are called; for metrics that look label by label."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from condbench.evaluation import Evaluation, Unavailable, class_part


def sample_labels(evaluation: Evaluation) -> NDArray[np.int64]:
    """The class that each sample was drawn for: (N,), each in [0, number of classes).

    Raises:
        Unavailable: if the condition holds no class, or the labels are not one per sample, each one of the classes.
    """
    labels = evaluation.labels
    classes = evaluation.dataset.task.condition[class_part(evaluation.dataset.task)].size
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise Unavailable(f"labels must be whole numbers from 0 to {classes - 1}; some are not")
    return labels


def names(evaluation: Evaluation) -> tuple[str, ...]:
    """What the classes are called, in order: their numbers where the dataset does not say."""
    classes = evaluation.dataset.task.condition[class_part(evaluation.dataset.task)].size
    return evaluation.dataset.labels or tuple(map(str, range(classes)))
