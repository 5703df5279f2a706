"""The Fréchet distance between the features of samples and of real images, by torch-fidelity, and its floor and bias.

"FID" after Heusel et al. 2017 (arXiv:1706.08500), on the features of the extractor that ships for the data instead of
Inception's, which mean little on digits. Finite samples bias it upwards: compare it at equal counts only, with the
floor, which is what real test images reach at the same count, and with the bias that is to be expected.

None of these distances has an interval of its own: resampling the samples inflates the very bias, and how much training
seeds matter is not in one cell. Intervals of FID are those over seeds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit
from torch import Tensor
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

from condbench.data import spread
from condbench.evaluation import Evaluation, Measurement
from condbench_plugins.metrics.features import FeatureSpace, SplitName, of_real, of_samples, shipped, usable
from condbench_plugins.metrics.reference import Arrays, cached

_BIAS_DRAWS = 30


def measure(evaluation: Evaluation) -> Measurement:
    """The distance of the samples from the train split.

    Raises:
        Unavailable: if no extractor suits the data, or the samples are too few or their features degenerate.
    """
    space = shipped(evaluation)
    value = distance(sample_statistics(evaluation, space), real_statistics(evaluation, space, "train"))
    return Measurement(value, n=len(evaluation.samples))


def measure_floor(evaluation: Evaluation) -> Measurement:
    """The distance of as many real test images, evenly spaced, from the train split.

    Of all test images, if the samples outnumber them; the note says so, since it is then too high beside their FID.

    Raises:
        Unavailable: if no extractor suits the data, or the images are too few.
    """
    space = shipped(evaluation)
    asked = len(evaluation.samples)
    n = min(asked, len(evaluation.dataset.test))
    real = real_statistics(evaluation, space, "test", n)
    note = f"of all {n:,} test images, which are fewer than the {asked:,} samples" if n < asked else ""
    return Measurement(distance(real, real_statistics(evaluation, space, "train")), n=n, note=note)


def measure_bias(evaluation: Evaluation) -> Measurement:
    """How much of the samples' FID is due to their count: what n draws from a Gaussian score against that Gaussian.

    The Gaussian is the one with the samples' own mean and covariance; the value is the mean of thirty draws of n, with
    its 95 % t-interval. Real features are no Gaussian, so that this is the size of the bias and not a correction of it.

    Raises:
        Unavailable: as for `measure`.
    """
    n = len(evaluation.samples)
    own = sample_statistics(evaluation, shipped(evaluation))
    rng = np.random.default_rng(evaluation.seed)
    scores = np.array([distance(_drawn(own, n, rng), own) for _ in range(_BIAS_DRAWS)])
    mean = float(scores.mean())
    margin = float(stdtrit(_BIAS_DRAWS - 1, 0.975) * scores.std(ddof=1) / np.sqrt(_BIAS_DRAWS))
    return Measurement(mean, n=n, low=mean - margin, high=mean + margin)


def sample_statistics(evaluation: Evaluation, space: FeatureSpace) -> Arrays:
    """Mean and covariance of the samples' features; computed once per evaluation."""
    return evaluation.shared(f"condbench/statistics/{space.name}", lambda: statistics(of_samples(evaluation, space)))


def real_statistics(evaluation: Evaluation, space: FeatureSpace, split: SplitName, count: int | None = None) -> Arrays:
    """Mean and covariance of the features of a split's images, or of ``count`` evenly spaced; shared by processes."""
    images = getattr(evaluation.dataset, split).x
    rows = slice(None) if count is None else spread(count, len(images))
    return cached(
        f"fid-statistics-{space.name}",
        images[rows],
        space.digest,
        evaluation.device,
        lambda: statistics(of_real(evaluation, space, split)[rows]),
    )


def statistics(features: Tensor) -> Arrays:
    """Mean (D,) and covariance (D, D) of features (N, D) in float64.

    Raises:
        Unavailable: if there are no more features than dimensions, or if they are constant or not finite.
    """
    dimensions = features.shape[1]
    usable(features, dimensions + 1, f"a covariance of {dimensions} features")
    arrays: Arrays = fid_features_to_statistics(features.double())
    return arrays


def distance(one: Arrays, other: Arrays) -> float:
    """The squared Fréchet distance of the Gaussians with these statistics."""
    result: dict[str, float] = fid_statistics_to_metric(one, other, verbose=False)
    return result[KEY_METRIC_FID]


def _drawn(own: Arrays, n: int, rng: np.random.Generator) -> Arrays:
    """Mean and covariance of n draws from the Gaussian with these, without drawing them one by one.

    The mean is normal, and n - 1 times the covariance follows a Wishart distribution, drawn by Bartlett's decomposition
    (Odell & Feiveson 1966): its cost does not depend on n.
    """
    values, vectors = np.linalg.eigh(own["sigma"])
    root: NDArray[np.float64] = vectors * np.sqrt(values.clip(min=0))
    dimensions = len(values)
    triangle = np.tril(rng.standard_normal((dimensions, dimensions)), -1)
    triangle[np.diag_indices(dimensions)] = np.sqrt(rng.chisquare(n - 1 - np.arange(dimensions)))
    factor = root @ triangle
    mean = own["mu"] + root @ rng.standard_normal(dimensions) / np.sqrt(n)
    return {"mu": mean, "sigma": factor @ factor.T / (n - 1)}
