"""The Fréchet distance between the features of samples and of real images, by torch-fidelity, and its floor.

"FID" after Heusel et al. 2017 (arXiv:1706.08500), on the features of the extractor that ships for the data instead of
Inception's, which mean little on digits. Finite samples bias it upwards: compare it at equal counts only, and with the
floor, which is what real test images reach at the same count.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.utils import create_feature_extractor

from condbench.evaluation import Evaluation, Measurement, Unavailable
from condbench_plugins.metrics.feature_extractor import LAYER, ShippedExtractor, register
from condbench_plugins.metrics.networks import run, weights_for
from condbench_plugins.metrics.reference import Arrays, cached


def measure(evaluation: Evaluation) -> Measurement:
    """The distance of the samples from the train split.

    Raises:
        Unavailable: if no extractor suits the data, or the samples are too few or their features degenerate.
    """
    extractor = _extractor(evaluation)
    samples = statistics(sample_features(evaluation))
    value = distance(samples, _real_statistics(evaluation, extractor, evaluation.dataset.train.x))
    return Measurement(value, n=len(evaluation.samples))


def measure_floor(evaluation: Evaluation) -> Measurement:
    """The distance of as many real test images from the train split (of all, if the samples outnumber them).

    Raises:
        Unavailable: if no extractor suits the data, or the images are too few.
    """
    extractor = _extractor(evaluation)
    test = evaluation.dataset.test.x[: len(evaluation.samples)]
    real = _real_statistics(evaluation, extractor, test)
    return Measurement(distance(real, _real_statistics(evaluation, extractor, evaluation.dataset.train.x)), n=len(test))


def sample_features(evaluation: Evaluation) -> Tensor:
    """The samples' features (N, 128), float64, computed once per evaluation."""
    extractor = _extractor(evaluation)
    return evaluation.shared("condbench/features", lambda: _features(extractor, evaluation, evaluation.samples))


def statistics(features: Tensor) -> Arrays:
    """Mean (D,) and covariance (D, D) of features (N, D) in float64.

    Raises:
        Unavailable: if there are no more features than dimensions, or if they are constant or not finite.
    """
    n, dimensions = features.shape
    if n <= dimensions:
        raise Unavailable(f"a covariance of {dimensions} features needs more than {dimensions} images, got {n}")
    if not bool(features.isfinite().all()):
        raise Unavailable("some features are not finite")
    if bool((features == features[0]).all()):
        raise Unavailable(f"all {n} images have the same features")
    arrays: Arrays = fid_features_to_statistics(features)
    return arrays


def distance(one: Arrays, other: Arrays) -> float:
    """The squared Fréchet distance of the Gaussians with these statistics."""
    result: dict[str, float] = fid_statistics_to_metric(one, other, verbose=False)
    return result[KEY_METRIC_FID]


def _extractor(evaluation: Evaluation) -> ShippedExtractor:
    """The extractor for the evaluation's data, on its device."""

    def create() -> ShippedExtractor:
        name = register(weights_for(evaluation, "extractor"))
        extractor: ShippedExtractor = create_feature_extractor(name, [LAYER], cuda=False, verbose=False)
        extractor.to(evaluation.device)
        return extractor

    return evaluation.shared("condbench/extractor", create)


def _features(extractor: ShippedExtractor, evaluation: Evaluation, images: NDArray[np.generic]) -> Tensor:
    return run(lambda batch: extractor(batch)[0], images, evaluation.device)


def _real_statistics(evaluation: Evaluation, extractor: ShippedExtractor, images: NDArray[np.generic]) -> Arrays:
    """Statistics of real images, shared between processes."""
    return cached(
        "fid-statistics",
        images,
        extractor.weights.sha256,
        evaluation.device,
        lambda: statistics(_features(extractor, evaluation, images)),
    )
