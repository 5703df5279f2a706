"""What the labels that samples were drawn for are called; for metrics that look label by label."""

from __future__ import annotations

from condbench.evaluation import Evaluation, class_part


def names(evaluation: Evaluation) -> tuple[str, ...]:
    """What the classes are called, in order: their numbers where the dataset does not say.

    Raises:
        Unavailable: if the condition holds no class.
    """
    classes = evaluation.dataset.task.condition[class_part(evaluation.dataset.task)].size
    return evaluation.dataset.labels or tuple(map(str, range(classes)))
