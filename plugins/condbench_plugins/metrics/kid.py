"""KID: the squared maximum mean discrepancy between the features of samples and of real images.

Binkowski et al. 2018 (arXiv:1801.01401): the kernel is (x.y / D + 1)^3, the estimate unbiased, so that other than FID
it does not depend on the number of samples, and may fall below 0 where there is no difference. All samples are used,
against as many train images, instead of the mean over random subsets that is common.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from torch import Tensor

from condbench.evaluation import Evaluation, Measurement
from condbench_plugins.metrics.neighbours import pairs


def measure(evaluation: Evaluation) -> Measurement:
    """The estimate, with a 95 % interval by its jackknife standard error.

    Raises:
        Unavailable: if no extractor suits the data, or images are too few or their features degenerate.
    """
    found = pairs(evaluation)
    value, error = estimate(found.samples, found.real, found.samples_cross, found.real_cross)
    margin = NormalDist().inv_cdf(0.975) * error
    return Measurement(value, n=len(found.samples), low=value - margin, high=value + margin)


def estimate(samples: Tensor, real: Tensor, samples_cross: Tensor, real_cross: Tensor) -> tuple[float, float]:
    """The unbiased estimate and its standard error, from sums of the kernel in float64.

    The error is that of the jackknife which leaves out one image, of either set. By the inequality of Efron & Stein
    (1981, "The jackknife estimate of variance") it is not too small on average; where the sets do not differ, so that
    the estimate's first-order variance vanishes, it is too large by about the square root of 2.

    Args:
        samples: of each of N samples, the sum over the other samples.
        real: of each of M real images, the sum over the other real images.
        samples_cross: of each sample, the sum over all real images.
        real_cross: of each real image, the sum over all samples.
    """
    n, m = len(samples), len(real)
    within_samples, within_real, across = float(samples.sum()), float(real.sum()), float(samples_cross.sum())
    value = within_samples / (n * (n - 1)) + within_real / (m * (m - 1)) - 2 * across / (n * m)
    without_sample = (within_samples - 2 * samples) / ((n - 1) * (n - 2)) - 2 * (across - samples_cross) / ((n - 1) * m)
    without_real = (within_real - 2 * real) / ((m - 1) * (m - 2)) - 2 * (across - real_cross) / (n * (m - 1))
    variance = sum((k - 1) * float(left.var(correction=0)) for k, left in ((n, without_sample), (m, without_real)))
    return value, math.sqrt(variance)
