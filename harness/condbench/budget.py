"""The fixed resource that training gets: FLOPs, samples or seconds; the first limit reached ends it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields

from condbench.errors import UserError, unknown

_SCALES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_QUANTITY = re.compile(r"([0-9.]+(?:[eE][+-]?[0-9]+)?)([kMGTP]?)")
_EXAMPLE = "Write e.g. flops=2e12, samples=60k or seconds=30, several separated by commas."


@dataclass(frozen=True, slots=True)
class Spent:
    """What training has used so far."""

    flops: float = 0.0
    samples: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits on training, at least one; None is no limit.

    FLOPs are counted by torch on real steps, so a compute budget is deterministic and portable; seconds are
    comparable within one machine only.
    """

    flops: float | None = None
    samples: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if not self.limits():
            raise UserError(f"the budget has no limit. {_EXAMPLE}")
        for resource, limit in self.limits().items():
            if not (math.isfinite(limit) and limit > 0):
                raise UserError(f"the budget {resource}={limit:g} is not a positive number. {_EXAMPLE}")

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read ``flops=2e12`` or ``samples=60k,seconds=30``.

        Raises:
            UserError: for an unknown resource, a malformed number, or a resource given twice.
        """
        limits: dict[str, float] = {}
        for item in text.split(","):
            resource, _, quantity = (part.strip() for part in item.partition("="))
            if resource not in (known := [field.name for field in fields(cls)]):
                raise unknown("budget resource", resource, known, hint=_EXAMPLE)
            if resource in limits:
                raise UserError(f"the budget '{text}' names {resource} twice. {_EXAMPLE}")
            match = _QUANTITY.fullmatch(quantity)
            try:
                limits[resource] = float(match[1]) * _SCALES[match[2]] if match else math.nan
            except ValueError:
                limits[resource] = math.nan
            if math.isnan(limits[resource]):
                raise UserError(f"the budget '{item}' has no number that can be read. {_EXAMPLE}")
        return cls(**limits)

    def __str__(self) -> str:
        """The form that `parse` reads, to the last bit."""
        return ",".join(f"{resource}={_shortest(limit)}" for resource, limit in self.limits().items())

    def limits(self) -> dict[str, float]:
        """The limits that there are, by resource."""
        return {f.name: limit for f in fields(self) if (limit := getattr(self, f.name)) is not None}

    def progress(self, spent: Spent) -> float:
        """How far training has come, in [0, 1]: the largest used share of any limit."""
        return min(1.0, max(self._shares(spent).values()))

    def reached(self, spent: Spent) -> str | None:
        """The resource whose limit is reached, or None."""
        shares = self._shares(spent)
        furthest = max(shares, key=lambda resource: shares[resource])
        return furthest if shares[furthest] >= 1.0 else None

    def _shares(self, spent: Spent) -> dict[str, float]:
        """The used share of each limit."""
        return {resource: float(getattr(spent, resource)) / limit for resource, limit in self.limits().items()}


def _shortest(limit: float) -> str:
    """``4e12`` rather than ``4000000000000.0``, but never another number."""
    short = f"{limit:g}"
    return (short if float(short) == limit else repr(limit)).replace("e+", "e")
