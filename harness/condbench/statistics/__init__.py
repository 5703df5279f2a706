"""Uncertainty and what follows from it: numbers in, dataclasses out; no torch, and scipy only where it is called.

Metrics, reports and the command line call these names. docs/statistics.md says what each is, where it is from, how
often it is right (`tests/statistics` finds out by simulation) and when not to believe it.
"""

from condbench.statistics.comparison import (
    Difference,
    holm,
    mean_improvement,
    paired,
    probability_of_improvement,
    rank_sets,
    unpaired,
)
from condbench.statistics.factorial import EFFECTS, Effect, Factorial, Observation, Share, factorial
from condbench.statistics.fronts import Standing, front
from condbench.statistics.intervals import Estimate, Interval, newcombe, over_seeds, wilson
from condbench.statistics.nested import Nested, nested
from condbench.statistics.percentiles import percentile
from condbench.statistics.scales import Scale, scale_of

__all__ = [
    "EFFECTS",
    "Difference",
    "Effect",
    "Estimate",
    "Factorial",
    "Interval",
    "Nested",
    "Observation",
    "Scale",
    "Share",
    "Standing",
    "factorial",
    "front",
    "holm",
    "mean_improvement",
    "nested",
    "newcombe",
    "over_seeds",
    "paired",
    "percentile",
    "probability_of_improvement",
    "rank_sets",
    "scale_of",
    "unpaired",
    "wilson",
]
