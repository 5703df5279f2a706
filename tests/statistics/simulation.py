"""How often something happens when a metric is measured again and again, and whether that is often enough."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np


def rate(happens: Callable[[np.random.Generator], bool], times: int, seed: int = 0) -> float:
    """The share of ``times`` repetitions in which it happens; `pytest -rP tests/statistics` shows it."""
    rng = np.random.default_rng(seed)
    found = sum(happens(rng) for _ in range(times)) / times
    print(f"{found:.3f} of {times:,}")
    return found


def chance(nominal: float, times: int) -> float:
    """How far from nominal a rate may be by chance: 3.3 standard errors, once in a thousand assertions."""
    return 3.3 * math.sqrt(nominal * (1 - nominal) / times)


def holds(low: float | None, truth: float, high: float | None) -> bool:
    """Whether an interval is there and has the truth in it."""
    return low is not None and high is not None and low <= truth <= high
