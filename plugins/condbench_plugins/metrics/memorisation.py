"""Whether samples are copies of train images: are they closer to them than held-out real images are?

Meehan et al. 2020 (arXiv:2004.05675): the probability that a sample is closer to its nearest train image, in feature
space, than a held-out real image is to its own. That is a Mann-Whitney statistic: 0.5 is like held-out real images, 1
is copies, and below 0.5 samples are farther from the data than real images are. The reference is the whole train split
and nothing else, so that no test image is ever compared with itself.
"""

from __future__ import annotations

import hashlib
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from condbench.data import spread
from condbench.evaluation import Evaluation, Measurement
from condbench.statistics import newcombe
from condbench_plugins.metrics.features import FeatureSpace, of_real, of_samples, shipped, usable
from condbench_plugins.metrics.neighbours import nearest_distances
from condbench_plugins.metrics.reference import cached

_COPY = 0.01  # of the median held-out distance: closer than this is a copy, up to what a save and a load may change

_MOST = 2500  # images looked at on either side: an interval of 0.02, where more would cost more than FID does


def measure(evaluation: Evaluation) -> Measurement:
    """The probability with its 95 % interval; the note has the median distances, and how many samples are copies.

    At most 2,500 samples are looked at, evenly spaced, and as many test images.

    Raises:
        Unavailable: if no extractor suits the data, or images are too few or their features degenerate.
    """
    space = shipped(evaluation)
    samples = usable(of_samples(evaluation, space), 2, "nearness")
    samples = samples[spread(_MOST, len(samples))]
    train = usable(of_real(evaluation, space, "train"), 2, "nearness")
    sampled = nearest_distances(samples.to(evaluation.device), train.to(evaluation.device))
    held_out = _held_out(evaluation, space)
    value = probability_smaller(sampled, held_out)
    low, high = newcombe(value, len(sampled), len(held_out), NormalDist().inv_cdf(0.975))
    median = float(np.median(held_out))
    note = f"median distance to the nearest train image {np.median(sampled):.3g}, of test images {median:.3g}"
    if copies := int((sampled <= _COPY * median).sum()):
        note += f"; {copies:,} of {len(sampled):,} samples are copies of train images or nearly so"
    return Measurement(value, n=len(sampled), low=low, high=high, note=note)


def probability_smaller(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """P(a < b) + P(a = b) / 2 for a drawn from ``one`` (N,) and b from ``other`` (M,)."""
    ordered = np.sort(other)
    greater = len(ordered) - np.searchsorted(ordered, one, side="right")
    greater_or_equal = len(ordered) - np.searchsorted(ordered, one, side="left")
    return float((greater + greater_or_equal).mean() / 2 / len(ordered))


def _held_out(evaluation: Evaluation, space: FeatureSpace) -> NDArray[np.float64]:
    """Of test images, the distance to their nearest train image (M,); shared between processes."""
    test = usable(of_real(evaluation, space, "test"), 2, "nearness")
    test = test[spread(_MOST, len(test))]
    train = of_real(evaluation, space, "train")

    def compute() -> dict[str, NDArray[np.float64]]:
        return {"distances": nearest_distances(test.to(evaluation.device), train.to(evaluation.device))}

    # Both splits decide it: test images are in the key as for all that is cached, train images by their features.
    kind = f"held-out-{hashlib.sha256(train.numpy().data).hexdigest()[:16]}"
    stored = cached(kind, evaluation.dataset.test.x, space.digest, evaluation.device, compute)
    distances: NDArray[np.float64] = stored["distances"]
    return distances
