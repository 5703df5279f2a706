"""The scale on which a metric's values over training seeds are close to normal, so that t-intervals hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

Scale = Literal["log", "logit", "identity"]

_SHARES = frozenset({"share", "fraction"})
_DISTANCES = frozenset({"fid"})  # as a word of a name, e.g. intra_fid
_POSITIVE = frozenset({"images/s", "s", "ms", "s/image", "bytes", "FLOP/s", "FLOP/image", "J", "J/image"})


def scale_of(metric: str, unit: str) -> Scale:
    """The scale of a metric, by what it is.

    - "log" for Frechet distances, speeds, times and sizes: they are positive, and seeds differ by factors;
    - "logit" for shares such as accuracies: they end at 0 and 1, and crowd there;
    - "identity" for all else: KID is unbiased and so falls below 0, bits are logarithms already.
    """
    if _DISTANCES & set(metric.split("_")) or unit in _POSITIVE:
        return "log"
    return "logit" if unit in _SHARES else "identity"


def to_scale(values: Sequence[float], scale: Scale, n: int | None = None) -> list[float]:
    """Values on their scale.

    Args:
        values: finite ones.
        scale: as `scale_of` says.
        n: of how many samples a share is. One of exactly 0 or 1 counts as half a sample away from it, as the empirical
            logit has it (Cox 1970, "The analysis of binary data").

    Raises:
        ValueError: if a value has no place on the scale; the message is the reason in words.
    """
    if scale == "log":
        if min(values) <= 0:
            raise ValueError("a value is not positive")
        return [math.log(value) for value in values]
    if scale == "logit":
        if n:
            values = [min(max(value, 0.5 / n), 1 - 0.5 / n) if value in (0, 1) else value for value in values]
        if not 0 < min(values) <= max(values) < 1:
            raise ValueError("a share is not between 0 and 1")
        return [math.log(value / (1 - value)) for value in values]
    return list(values)


def from_scale(value: float, scale: Scale) -> float:
    """The way back of `to_scale`."""
    if scale == "log":
        return math.exp(value)
    if scale == "logit":
        return 1 / (1 + math.exp(-value)) if value > 0 else 1 - 1 / (1 + math.exp(value))
    return value
