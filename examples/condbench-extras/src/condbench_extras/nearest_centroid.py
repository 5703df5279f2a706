"""The metric: is a sample nearest to the mean image of its own class? `measure` is what the registry names.

A nearest-centroid classifier is as weak as a judge can be, but it needs no weights, so it works for any data with
classes at once. What it says of real test images stands beside the value: no sampler can be expected to do better.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from condbench.evaluation import Evaluation, Measurement, Unavailable, class_part
from condbench.statistics import wilson


def measure(evaluation: Evaluation) -> Measurement:
    """The share of samples that are nearest to their class's centroid, with its Wilson interval.

    Raises:
        Unavailable: if the task has no class or no images, or there are no samples; that is the reason in reports.
    """
    asked, dataset = evaluation.labels, evaluation.dataset  # labels say it themselves where there are none
    if dataset.task.target.kind != "image":
        raise Unavailable(f"centroids are mean images, and this task's target is {dataset.task.target.kind}")
    if not len(asked):
        raise Unavailable("there are no samples")
    part = class_part(dataset.task)
    classes = np.unique(dataset.train.u[part])
    centroids = np.stack([_flat(dataset.train.x[dataset.train.u[part] == label]).mean(axis=0) for label in classes])
    right = int((classes[nearest(evaluation.samples, centroids)] == asked).sum())
    low, high = wilson(right, len(asked))
    real = (classes[nearest(dataset.test.x, centroids)] == dataset.test.u[part]).mean()
    return Measurement(right / len(asked), len(asked), low, high, note=f"real test images: {real:.3f}")


def nearest(images: NDArray[np.generic], centroids: NDArray[np.float64]) -> NDArray[np.intp]:
    """Images (N, C, H, W) and centroids (K, C * H * W) -> the position of each image's nearest centroid, (N,)."""
    # |x - c|^2 without |x|^2, which is the same for all centroids.
    distances = np.square(centroids).sum(axis=1) - 2 * _flat(images) @ centroids.T
    positions: NDArray[np.intp] = distances.argmin(axis=1)
    return positions


def _flat(images: NDArray[np.generic]) -> NDArray[np.float64]:
    return images.reshape(len(images), -1).astype(np.float64)
