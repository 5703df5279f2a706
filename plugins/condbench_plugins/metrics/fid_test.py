"""FID against images that no model has trained on, beside FID against equally many that it has.

FID depends on how many real images there are, not only on how many samples, and a test split is smaller than a train
split: `fid` and an FID against the test split would differ for that reason alone. So both sides here get equally many
real images of the same labels: of each label as many as both splits have, which as a rule is the whole test split, and
several disjoint draws of as many train images. A model that has learned P(x|u) is as far from either.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from condbench.evaluation import Evaluation, Measurement
from condbench.results import Table
from condbench_plugins.metrics.features import FeatureSpace, SplitName, of_real, shipped
from condbench_plugins.metrics.fid import distance, sample_statistics, statistics

_MOST_DRAWS = 4


def measure(evaluation: Evaluation) -> Measurement:
    """The distance of the samples from the test split; the table and the note have those from as many train images.

    The draws of train images show by how much two such distances differ for no reason; there is no interval, as `fid`
    has none.

    Raises:
        Unavailable: if no extractor suits the data, or samples or real images are too few or their features degenerate.
    """
    space = shipped(evaluation)
    test, draws = alike(_labels(evaluation, "test"), _labels(evaluation, "train"))
    value = _distance(evaluation, space, "test", test)
    trained = [_distance(evaluation, space, "train", rows) for rows in draws]
    extent = f", {min(trained):.4g} to {max(trained):.4g} in {len(trained)} disjoint draws" if len(trained) > 1 else ""
    return Measurement(
        value,
        n=len(evaluation.samples),
        note=f"against as many train images of the same labels: {sum(trained) / len(trained):.4g}{extent}",
        table=Table(
            title=f"FID against {len(test):,} real images of the same labels",
            rows=("test", *(f"train, draw {number}" for number in range(1, len(trained) + 1))),
            columns=("FID",),
            values=tuple((fid,) for fid in (value, *trained)),
        ),
    )


def alike(test: NDArray[np.int64], train: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    """Positions in the test split, and disjoint draws of equally many of each label from the train split.

    Args:
        test: the test split's labels (N,).
        train: the train split's labels (M,).

    Returns:
        Positions in ``test``, and one to four arrays of as many in ``train``. Deterministic.
    """
    rng = np.random.default_rng(0)
    pairs = []
    for label in np.intersect1d(test, train):
        ours, theirs = np.flatnonzero(test == label), rng.permutation(np.flatnonzero(train == label))
        pairs.append((ours[: len(theirs)], theirs))
    if not pairs:
        return np.empty(0, np.int64), [np.empty(0, np.int64)]
    count = min(_MOST_DRAWS, *(len(theirs) // len(ours) for ours, theirs in pairs))
    draws = [
        np.sort(np.concatenate([theirs[draw * len(ours) : (draw + 1) * len(ours)] for ours, theirs in pairs]))
        for draw in range(count)
    ]
    return np.sort(np.concatenate([ours for ours, _ in pairs])), draws


def _labels(evaluation: Evaluation, split: SplitName) -> NDArray[np.int64]:
    """The first class that each image of a split is conditioned on; all the same where the task has none."""
    kinds = [part.kind for part in evaluation.dataset.task.condition]
    real = getattr(evaluation.dataset, split)
    if "class" not in kinds:
        return np.zeros(len(real), np.int64)
    labels: NDArray[np.int64] = real.u[kinds.index("class")].astype(np.int64)
    return labels


def _distance(evaluation: Evaluation, space: FeatureSpace, split: SplitName, rows: NDArray[np.int64]) -> float:
    real = statistics(of_real(evaluation, space, split)[rows])
    return distance(sample_statistics(evaluation, space), real)
