"""How diverse the samples of one label are, as a share of how diverse real images of that label are.

The variance of features within a label, summed over their dimensions, of samples over that of real test images;
averaged over labels. 1 is as diverse as real, near 0 a model that shows one image per label, more than 1 too much, e.g.
noise or samples of other labels: it means little where `label_accuracy` is low.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from torch import Tensor

from condbench.evaluation import Evaluation, Measurement, Unavailable, class_part
from condbench.results import Table
from condbench_plugins.metrics.features import of_real, of_samples, shipped, usable
from condbench_plugins.metrics.labels import names

_LEAST = 10  # images of a label, so that the normal interval of a variance is one


def measure(evaluation: Evaluation) -> Measurement:
    """The mean over labels with its 95 % interval; the table has each label's.

    Raises:
        Unavailable: if the condition holds no class, no extractor suits the data, or a label has too few images.
    """
    asked, space = evaluation.labels, shipped(evaluation)
    shown = evaluation.dataset.test.u[class_part(evaluation.dataset.task)]
    samples = usable(of_samples(evaluation, space), 2, "a variance")
    test = of_real(evaluation, space, "test")
    rows, ratios, errors = [], [], []
    for label, name in enumerate(names(evaluation)):
        if not (shown == label).any():
            continue
        ours, our_error = variance(_enough(samples[asked == label], f"samples of the label '{name}'"))
        theirs, their_error = variance(_enough(test[shown == label], f"test images of the label '{name}'"))
        if theirs == 0:
            raise Unavailable(f"all test images of the label '{name}' have the same features")
        rows.append(name)
        ratios.append(ours / theirs)
        errors.append(math.hypot(our_error / theirs, ratios[-1] * their_error / theirs))
    if not rows:
        raise Unavailable("the test split is empty")
    mean = math.fsum(ratios) / len(ratios)
    margin = NormalDist().inv_cdf(0.975) * math.hypot(*errors) / len(errors)
    return Measurement(
        mean,
        n=len(samples),
        low=max(0.0, mean - margin),
        high=mean + margin,
        table=Table(
            title="variance of features within each label, as a share of real test images'",
            rows=tuple(rows),
            columns=("diversity",),
            values=tuple((ratio,) for ratio in ratios),
        ),
    )


def variance(features: Tensor) -> tuple[float, float]:
    """The total variance of features (N, D), unbiased, and its standard error over images."""
    n = len(features)
    deviations = (features.double() - features.double().mean(0)).square().sum(1) * (n / (n - 1))
    return float(deviations.mean()), float(deviations.std()) / math.sqrt(n)


def _enough(features: Tensor, what: str) -> Tensor:
    if len(features) < _LEAST:
        raise Unavailable(f"there are {len(features)} {what}; a variance needs at least {_LEAST} of each label")
    return features
