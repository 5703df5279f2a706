"""The labels that samples were drawn for, checked, and what they are called; for metrics that look label by label."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from condbench.evaluation import Evaluation, Unavailable


def class_part(evaluation: Evaluation) -> int:
    """The position in u of the first part that is a class.

    Raises:
        Unavailable: if there is none.
    """
    kinds = [part.kind for part in evaluation.dataset.task.condition]
    if "class" not in kinds:
        raise Unavailable(f"this task's condition holds no class but: {', '.join(kinds) or 'nothing'}")
    return kinds.index("class")


def sample_labels(evaluation: Evaluation) -> NDArray[np.int64]:
    """The class that each sample was drawn for: (N,), each in [0, number of classes).

    Raises:
        Unavailable: if the condition holds no class, or the labels are not one per sample, each one of the classes.
    """
    part = class_part(evaluation)
    labels = np.asarray(evaluation.u[part])
    if len(labels) != len(evaluation.samples):
        raise Unavailable(f"{len(evaluation.samples)} samples with {len(labels)} labels")
    classes = evaluation.dataset.task.condition[part].size
    if labels.dtype.kind not in "iu" or (len(labels) and not 0 <= labels.min() <= labels.max() < classes):
        raise Unavailable(f"labels must be whole numbers from 0 to {classes - 1}; some are not")
    return labels.astype(np.int64)


def names(evaluation: Evaluation) -> tuple[str, ...]:
    """What the classes are called, in order: their numbers where the dataset does not say."""
    classes = evaluation.dataset.task.condition[class_part(evaluation)].size
    return evaluation.dataset.labels or tuple(map(str, range(classes)))
