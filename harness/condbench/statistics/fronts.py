"""Fronts: what nothing beats in two respects at once, e.g. quality against speed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from condbench.specs import Better


@dataclass(frozen=True)
class Standing:
    """A point of a trade-off, with what dominates it: at least as good in both respects, and better in one."""

    name: str
    at: tuple[float, float]
    dominated_by: tuple[str, ...]

    @property
    def on_front(self) -> bool:
        """Whether nothing dominates it."""
        return not self.dominated_by


def front(points: Mapping[str, tuple[float, float]], better: tuple[Better, Better]) -> tuple[Standing, ...]:
    """Pareto's front of points in two metrics, e.g. FID and sampling throughput.

    Args:
        points: a value of each metric, by name.
        better: which way each metric is good; for a cost such as training FLOPs, "lower".

    Returns:
        All points with what dominates each, best in the first metric first.

    Raises:
        ValueError: if a metric has no good direction.
    """
    if "neither" in better:
        raise ValueError("a front needs metrics with a good direction")
    losses = {
        name: tuple(-value if good == "higher" else value for value, good in zip(at, better, strict=True))
        for name, at in points.items()
    }

    def dominators(name: str) -> tuple[str, ...]:
        here = losses[name]
        return tuple(
            other
            for other, there in losses.items()
            if there != here and all(t <= h for t, h in zip(there, here, strict=True))
        )

    ordered = sorted(points, key=lambda name: losses[name])
    return tuple(Standing(name, points[name], dominators(name)) for name in ordered)
