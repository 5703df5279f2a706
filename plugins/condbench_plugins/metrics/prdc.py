"""Fidelity and variety apart: precision and recall, density and coverage, from neighbourhoods of features.

A real image's ball reaches to its k-th nearest real image, a sample's to its k-th nearest sample. Precision and recall
(Kynkäänniemi et al. 2019, arXiv:1904.06991, k = 3) ask which images lie in some ball of the other set; density and
coverage (Naeem et al. 2020, arXiv:2002.09797, k = 5) count balls of real images only, which outliers among the samples
cannot enlarge. All samples against as many train images; each depends on that count, so compare at equal counts.

The intervals of the shares are of the images that are counted, with the balls as they are; drawing the balls anew as
well moves precision no more than they say, coverage and recall up to a third more.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from torch import Tensor

from condbench.evaluation import Evaluation, Measurement
from condbench.statistics import wilson
from condbench_plugins.metrics.neighbours import LARGE, pairs


def measure_precision(evaluation: Evaluation) -> Measurement:
    """The share of samples that lie in a ball of some real image, with its Wilson interval.

    Raises:
        Unavailable: if no extractor suits the data, or images are too few or their features degenerate.
    """
    return _share(pairs(evaluation).in_real)


def measure_recall(evaluation: Evaluation) -> Measurement:
    """The share of real images that lie in a ball of some sample, with its Wilson interval; n counts real images.

    Raises:
        Unavailable: as for `measure_precision`.
    """
    return _share(pairs(evaluation).in_samples)


def measure_density(evaluation: Evaluation) -> Measurement:
    """The mean number of real images' balls that a sample lies in, over k; about 1 for real images, and may exceed it.

    Its 95 % interval is normal and has both parts of the deviation, that over samples and that over real images.

    Raises:
        Unavailable: as for `measure_precision`.
    """
    found = pairs(evaluation)
    value, error = density(found.balls, found.held)
    margin = NormalDist().inv_cdf(0.975) * error
    return Measurement(value, n=len(found.balls), low=max(0.0, value - margin), high=value + margin)


def measure_coverage(evaluation: Evaluation) -> Measurement:
    """The share of real images whose ball holds a sample, with its Wilson interval; n counts real images.

    Raises:
        Unavailable: as for `measure_precision`.
    """
    return _share(pairs(evaluation).held > 0)


def density(balls: Tensor, held: Tensor) -> tuple[float, float]:
    """Density and its standard error, from the number of balls that each of N samples is in, and of samples that each
    of M balls holds."""
    n, m = len(balls), len(held)
    over_samples = float(balls.double().std()) / math.sqrt(n)
    over_real = float(held.double().std()) * math.sqrt(m) / n
    return float(balls.double().mean()) / LARGE, math.hypot(over_samples, over_real) / LARGE


def _share(hits: Tensor) -> Measurement:
    n, successes = len(hits), int(hits.sum())
    low, high = wilson(successes, n)
    return Measurement(successes / n, n, low, high)
