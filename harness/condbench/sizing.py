"""The track *same size*: solve a backbone's widths so that every conditioner's model is as large as the backbone alone.

A conditioner brings parameters and FLOPs of its own. Under *same backbone* they come on top; here the backbone shrinks
until the sums agree with those of the backbone without any conditioner. Called by the driver, which asks a `Prober`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from condbench.results import TOLERANCE, Size

_LOOKS = 24  # at most; each builds a model
_NEARBY = 3  # steps of each width, to either side, that are considered next

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Widths = tuple[int, ...]
Weigh = Callable[[Widths], Size | None]
"""How large the model is with these widths; None where they are not allowed or nothing can be built of them."""


@dataclass(frozen=True)
class Solution:
    """The widths found, and how large the model is with them."""

    widths: Widths
    size: Size


def solve(weigh: Weigh, widths: Widths, steps: Widths, target: Size) -> Solution | None:
    """The widths, whole ``steps`` away from ``widths``, whose size is nearest to ``target``.

    Logarithms of sizes are nearly linear in logarithms of widths. So a linear model of them is kept: begun with one
    look aside for each width, corrected by every further look (Broyden 1965), and asked for the most promising widths
    among those near the best so far and near where Newton's method would go.

    Returns:
        The best that was found; None if not even the widths that it starts from can be weighed.
    """
    seen: dict[Widths, Size | None] = {}

    def look(at: Widths) -> Vector | None:
        """How far a size is from the target: the logarithms of both ratios."""
        if at not in seen:
            seen[at] = weigh(at) if min(at) > 0 else None
        size = seen[at]
        if size is None:
            return None
        return np.log([size.parameters / target.parameters, size.flops_per_image / target.flops_per_image])

    def error(at: Widths) -> float:
        residual = look(at)
        return math.inf if residual is None else float(np.abs(residual).max())

    residual = look(widths)
    if residual is None:
        return None
    jacobian = _aside(look, widths, steps, residual)
    best = min(seen, key=error)
    while error(best) > math.log1p(TOLERANCE) and len(seen) < _LOOKS:
        residual = look(best)
        assert residual is not None
        candidate = _most_promising(best, residual, jacobian, steps, seen)
        if candidate is None:
            break
        found = look(candidate)
        if found is not None:
            moved = np.log(np.array(candidate) / np.array(best))
            jacobian += np.outer(found - residual - jacobian @ moved, moved) / (moved @ moved)
        best = min(seen, key=error)
    size = seen[best]
    assert size is not None
    return Solution(best, size)


def _aside(look: Callable[[Widths], Vector | None], widths: Widths, steps: Widths, here: Vector) -> Matrix:
    """d log(parameters, FLOPs) / d log(width), by a look about a tenth below each width: (2, widths)."""
    columns = []
    for index, step in enumerate(steps):
        down = max(step, round(widths[index] / 10 / step) * step)
        moved = tuple(width - down * (place == index) for place, width in enumerate(widths))
        there = look(moved)
        # Widths that are not allowed tell nothing: parameters and FLOPs that grow with the square are a fair guess.
        columns.append(np.full(2, 2.0) if there is None else (here - there) / math.log(widths[index] / moved[index]))
    return np.stack(columns, axis=1)


def _most_promising(
    best: Widths, residual: Vector, jacobian: Matrix, steps: Widths, seen: Container[Widths]
) -> Widths | None:
    """The widths not yet seen that the linear model around ``best`` expects to fit best, if any are near."""
    change = np.exp(-np.linalg.lstsq(jacobian, residual, rcond=None)[0]).clip(0.5, 2)
    newton = tuple(
        width + step * round(width * (factor - 1) / step)
        for width, factor, step in zip(best, change, steps, strict=True)
    )
    moves = list(product(range(-_NEARBY, _NEARBY + 1), repeat=len(best)))
    near = {
        tuple(width + step * move for width, step, move in zip(centre, steps, by, strict=True))
        for centre in (best, newton)
        for by in moves
    }

    def expected(to: Widths) -> float:
        return float(np.abs(residual + jacobian @ np.log(np.array(to) / np.array(best))).max())

    return min((to for to in sorted(near) if min(to) > 0 and to not in seen), key=expected, default=None)
