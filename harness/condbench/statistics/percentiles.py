"""Percentiles of a handful of measurements, where they are enough."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: int) -> float | None:
    """The value that ``percent`` % of all values are below, between order statistics; None if they are too few to say.

    The 99th needs 100 values: of fewer, not one is expected beyond it.

    Args:
        values: in any order.
        percent: in (0, 100).
    """
    if len(values) * min(percent, 100 - percent) < 100:
        return None
    at = (len(values) - 1) * percent / 100
    below = math.floor(at)
    low, high = sorted(values)[below : below + 2] if below + 1 < len(values) else (max(values),) * 2
    return low + (high - low) * (at - below)
