"""The colour scale of a heat map: values to ten steps of even perceived difference, the last one the best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from condbench.combinations import Metric

STEPS = 10

# These spread over orders of magnitude: equal ratios, not equal differences, look alike.
_LOGARITHMIC = frozenset({"fid", "training_throughput", "sampling_throughput"})


@dataclass(frozen=True)
class Scale:
    """From the worst to the best observed value; it is linear where a value is not positive."""

    worst: float
    best: float
    logarithmic: bool

    @classmethod
    def over(cls, values: Sequence[float], metric: Metric) -> Scale:
        """The scale that spans at least one value of a metric."""
        low, high = min(values), max(values)
        worst, best = (high, low) if metric.better == "lower" else (low, high)
        return cls(worst, best, logarithmic=metric.name in _LOGARITHMIC and low > 0)

    def step(self, value: float) -> int:
        """The value's step, 0 for the worst to ``STEPS - 1`` for the best; all are best where all are equal."""
        if self.worst == self.best:
            return STEPS - 1
        worst, best, at = (
            (math.log(self.worst), math.log(self.best), math.log(value))
            if self.logarithmic
            else (self.worst, self.best, value)
        )
        return min(STEPS - 1, int((at - worst) / (best - worst) * STEPS))
