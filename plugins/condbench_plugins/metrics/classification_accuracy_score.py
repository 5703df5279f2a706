"""The classification accuracy score: how well a classifier that saw samples only classifies real images.

A small residual network is trained on the samples with the labels that they were drawn for, and tested on the test
split (Ravuri & Vinyals 2019, "Classification accuracy score for conditional generative models", arXiv:1905.10887, who
train a ResNet-50). What samples lack, the classifier cannot learn: labels that are not obeyed, variety within a label,
details that tell labels apart. Beside it stands what the same recipe reaches on as many real train images.

The recipe is fixed, so that scores compare; it runs on the CPU whatever the device, so that they repeat. The interval
is that of the test images; training with another seed moves a score too.
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray

from condbench.data import Dataset, Split, spread
from condbench.evaluation import Evaluation, Measurement, Unavailable, class_part
from condbench.machine import best_precision
from condbench.specs import Task
from condbench.statistics import wilson
from condbench_plugins.metrics.networks import image_domain
from condbench_plugins.metrics.reference import cached
from condbench_plugins.metrics.train_classifiers import Recipe, accuracy, train

# Warps so slight that no data set's labels change under them. 40,000 images are half a minute on a core, and twenty
# times each of 2,000 samples.
RECIPE = Recipe(
    seed=0,
    images=40_000,
    batch_size=128,
    learning_rate=3e-3,
    weight_decay=2e-2,
    smoothing=0.0,
    degrees=0,
    scale=0.05,
    shear=0.0,
    shift=1,
    flip=False,
)


def measure(evaluation: Evaluation) -> Measurement:
    """The share of real test images classified correctly, with its Wilson interval.

    Raises:
        Unavailable: if x is no image, u holds no class or is not known, or there are no samples.
    """
    image_domain(evaluation)
    labels = evaluation.labels
    if not len(labels):
        raise Unavailable("there are no samples to train on")
    task, train_split, test = evaluation.dataset.task, evaluation.dataset.train, evaluation.dataset.test
    part = class_part(task)
    classified = Task(task.target, (task.condition[part],))
    real_test = Split(test.x, (test.u[part],))

    def score(images: NDArray[np.generic], labels: NDArray[np.generic]) -> float:
        return _score(Dataset("", "", classified, Split(images, (labels,)), real_test))

    n = len(test)
    rows = spread(len(labels), len(train_split))
    real_images, real_labels = train_split.x[rows], train_split.u[part][rows]
    real = cached(
        "classification-accuracy-score",
        real_images,
        _digest(real_labels, *real_test.u, real_test.x),
        torch.device("cpu"),
        lambda: {"score": np.array(score(real_images, real_labels))},
    )
    value = score(evaluation.samples, labels)
    low, high = wilson(round(value * n), n)
    note = f"{float(real['score']):.3f} if trained on {len(real_images):,} real train images"
    return Measurement(value, n, low, high, note=note)


def _score(dataset: Dataset) -> float:
    """Train on one split, test on the other; torch's global random state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        return accuracy(train("judge", dataset, RECIPE, bf16=best_precision("cpu") == "bf16"), dataset)


def _digest(*arrays: NDArray[np.generic]) -> str:
    """What the score of real images depends on besides them: the recipe, their labels and the test split."""
    total = hashlib.sha256(repr(RECIPE).encode())
    for array in arrays:
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()
