"""What a check is: a small function with a name, whose docstring says what holds and why it matters to an author."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

S = TypeVar("S")


@dataclass(frozen=True)
class Check(Generic[S]):
    """A named check of a subject ``S``, e.g. of a `condbench.testing.composition.Composition`.

    ``run`` returns if the subject keeps to it, raises `condbench.testing.outcome.Violated` if not, and
    `condbench.testing.outcome.NotApplicable` where there is nothing to check.
    """

    name: str
    run: Callable[[S], None]

    @property
    def why(self) -> str:
        """What holds and why it matters, as the function's docstring says it, on one line."""
        return " ".join((inspect.getdoc(self.run) or "").split())


def check(name: str) -> Callable[[Callable[[S], None]], Check[S]]:
    """Make a function a check: ``@check("neutral start")``."""
    return lambda run: Check(name, run)
