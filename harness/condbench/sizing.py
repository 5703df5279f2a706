"""The track *same size*: solve a backbone's widths so that every conditioner's model is as large as the backbone alone.

A conditioner brings parameters and FLOPs of its own. Under *same backbone* they come on top; here the backbone shrinks
until the sums agree with those of the backbone without any conditioner. Called by the driver, which asks a `Prober`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from condbench.results import TOLERANCE, Size

_ROUNDS = 4  # of Newton's method
_NEARBY = 3  # steps of each width, to either side, that the last search looks at
_LAST_LOOKS = 8


Widths = tuple[int, ...]
Weigh = Callable[[Widths], Size | None]
"""How large the model is with these widths; None where they are not allowed or nothing can be built of them."""


@dataclass(frozen=True)
class Solution:
    """The widths found, and how large the model is with them."""

    widths: Widths
    size: Size


def solve(weigh: Weigh, widths: Widths, steps: Widths, target: Size) -> Solution | None:
    """The widths, multiples of ``steps`` away from ``widths``, whose size is nearest to ``target``.

    Newton's method on the logarithms of sizes over those of widths, whose relation is nearly linear, then a look at
    whole-numbered neighbours in the order that the linear model likes them.

    Returns:
        The best that was found; None if not even the widths that it starts from can be weighed.
    """
    seen: dict[Widths, Size | None] = {}

    def look(at: Widths) -> NDArray[np.float64] | None:
        if at not in seen:
            seen[at] = weigh(at) if min(at) > 0 else None
        size = seen[at]
        if size is None:
            return None
        return np.log([size.parameters / target.parameters, size.flops_per_image / target.flops_per_image])

    def error(at: Widths) -> float:
        residual = look(at)
        return math.inf if residual is None else float(np.abs(residual).max())

    here = look(widths)
    if here is None:
        return None
    jacobian = _jacobian(look, widths, steps, here)
    at = widths
    for _ in range(_ROUNDS):
        residual = look(at)
        if residual is None or error(at) <= math.log1p(TOLERANCE):
            break
        change = np.exp(-np.linalg.lstsq(jacobian, residual, rcond=None)[0])
        moved = _rounded(np.array(at) * change.clip(0.5, 2), widths, steps)
        if moved in seen:
            break
        at = moved

    best = min(seen, key=error)
    for candidate in _neighbours(best, steps, jacobian, np.array(look(best)))[:_LAST_LOOKS]:
        if error(best) <= math.log1p(TOLERANCE):
            break
        look(candidate)
        best = min(seen, key=error)
    size = seen[best]
    assert size is not None
    return Solution(best, size)


def _jacobian(
    look: Callable[[Widths], NDArray[np.float64] | None], widths: Widths, steps: Widths, here: NDArray[np.float64]
) -> NDArray[np.float64]:
    """d log(parameters, FLOPs) / d log(width), by one step down of about a tenth for each width: (2, widths)."""
    columns = []
    for index, step in enumerate(steps):
        down = max(step, round(widths[index] / 10 / step) * step)
        moved = tuple(width - down * (place == index) for place, width in enumerate(widths))
        there = look(moved)
        slope = np.log(widths[index] / moved[index]) if min(moved) > 0 else 1.0
        columns.append(np.zeros(2) if there is None else (here - there) / slope)
    return np.stack(columns, axis=1)


def _rounded(wanted: NDArray[np.float64], start: Widths, steps: Widths) -> Widths:
    return tuple(
        first + step * round((value - first) / step) for value, first, step in zip(wanted, start, steps, strict=True)
    )


def _neighbours(
    at: Widths, steps: Widths, jacobian: NDArray[np.float64], residual: NDArray[np.float64]
) -> list[Widths]:
    """Widths near ``at``, the ones first that the linear model expects to fit best."""

    def expected(to: Widths) -> float:
        return float(np.abs(residual + jacobian @ np.log(np.array(to) / np.array(at))).max())

    moves = product(*(range(-_NEARBY, _NEARBY + 1) for _ in at))
    near = [tuple(w + step * move for w, step, move in zip(at, steps, by, strict=True)) for by in moves]
    return sorted((to for to in near if min(to) > 0 and to != at), key=expected)
