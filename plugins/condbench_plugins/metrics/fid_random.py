"""FID on the features of a fixed random network, beside `fid` on those of a trained one.

Whoever is good on both has not just fooled one network. In per cent of the train split's total variance, as `fid` on
the shipped extractors is by their own scale. The features are means over quarters of an image: they see strokes and
textures rather than what an image shows.
"""

from __future__ import annotations

import numpy as np

from condbench.evaluation import Evaluation, Measurement
from condbench_plugins.metrics.fid import distance, real_statistics, sample_statistics
from condbench_plugins.metrics.random_network import random_features


def measure(evaluation: Evaluation) -> Measurement:
    """The distance of the samples from the train split. No interval, as `fid` has none.

    Raises:
        Unavailable: if the images are not grey or in colour, are too few, or their features degenerate.
    """
    space = random_features(evaluation)
    real = real_statistics(evaluation, space, "train")
    scale = 100 / float(np.trace(real["sigma"]))
    return Measurement(scale * distance(sample_statistics(evaluation, space), real), n=len(evaluation.samples))
