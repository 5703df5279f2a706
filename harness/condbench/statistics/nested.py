"""How much of the spread between seeds is due to training, and how much to drawing the samples that are measured.

Several sets of samples of each trained cell are nested in its seed: a one-way analysis with random effects.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from condbench.statistics.intervals import LEVEL, ROUNDING
from condbench.statistics.scales import Scale, to_scale


@dataclass(frozen=True)
class Nested:
    """The share of the variance between seeds that is due to drawing, with its 95 % interval.

    ``training`` and ``drawing`` are the standard deviations of either, on the metric's scale; ``trainings`` with
    ``draws`` sets of samples each went into them.
    """

    value: float
    low: float
    high: float
    training: float
    drawing: float
    trainings: int
    draws: int

    @property
    def in_words(self) -> str:
        """A sentence for comparisons and reports."""
        return (
            f"Of the variance between seeds {self.value:.0%} [{self.low:.0%}, {self.high:.0%}] is due to drawing "
            f"samples (standard deviation {self.drawing:.2g}), the rest to training ({self.training:.2g}); "
            f"{self.draws} sets of samples of each of {self.trainings} trainings."
        )


def nested(combinations: Sequence[Sequence[Sequence[float]]], scale: Scale, n: int | None = None) -> Nested:
    """Take the variance within combinations apart, pooled over them.

    The share is one minus the intraclass correlation, whose interval is exact where both parts are normal and spread
    alike in all combinations (Shrout & Fleiss 1979, doi:10.1037/0033-2909.86.2.420, ICC(1, 1)). An estimate below
    zero is cut off there.

    Args:
        combinations: of each its trainings, of each of these the value of every set of samples; equally many of them.
        scale: as `condbench.statistics.scale_of` says.
        n: of how many samples a share is.

    Raises:
        ValueError: if these are too few, too unequal or off the scale to tell; the message is the reason in words.
    """
    several = [combination for combination in combinations if len(combination) > 1]
    counts = {len(training) for combination in several for training in combination}
    if not several or min(counts) < 2:
        raise ValueError("it takes two seeds of a combination, with two sets of samples each")
    if len(counts) > 1:
        raise ValueError("the seeds have unequal numbers of samples' sets")
    (draws,) = counts
    scaled = [np.array([to_scale(training, scale, n) for training in combination]) for combination in several]
    trainings = sum(len(combination) for combination in scaled)
    between, within = trainings - len(scaled), trainings * (draws - 1)
    means = [combination.mean(1) for combination in scaled]
    of_training = draws * sum(float(((mean - mean.mean()) ** 2).sum()) for mean in means) / between
    of_drawing = sum(float(((c - c.mean(1, keepdims=True)) ** 2).sum()) for c in scaled) / within
    if math.sqrt(of_drawing) <= ROUNDING * max(float(np.abs(combination).max()) for combination in scaled):
        raise ValueError("all sets of samples have the same value")

    ratio = of_training / of_drawing
    upper = float(_f_quantile(between, within, 0.5 + LEVEL / 2))
    lower = float(_f_quantile(between, within, 0.5 - LEVEL / 2))

    def drawing_share(f: float) -> float:
        return draws / (f + draws - 1) if f > 1 else 1.0

    return Nested(
        value=drawing_share(ratio),
        low=drawing_share(ratio / lower),
        high=drawing_share(ratio / upper),
        training=math.sqrt(max(0.0, of_training - of_drawing) / draws),
        drawing=math.sqrt(of_drawing),
        trainings=trainings,
        draws=draws,
    )


def _f_quantile(between: int, within: int, share: float) -> float:
    from scipy.special import fdtri

    return float(fdtri(between, within, share))
