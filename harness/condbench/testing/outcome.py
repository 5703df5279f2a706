"""How a check of a plugin ends: what a check raises, and the record that is made of it. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from condbench.results import Record

_LISTED = 3

State = Literal["ok", "failed", "skipped", "expected"]


class Violated(Exception):  # noqa: N818 - a finding, not a fault of the kit
    """The plugin does not keep to what is checked; the message says how, in a sentence."""


class NotApplicable(Exception):  # noqa: N818 - a reason, not a fault
    """There is nothing to check here; the message is the reason."""


class Outcome(Record):
    """What became of one check of one plugin.

    "expected" is a failure that was declared beforehand, with ``reason`` as its author gave it.
    """

    plugin: str
    check: str
    state: State
    reason: str = ""
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """``my-backbone: neutral start``, as failures are declared by."""
        return f"{self.plugin}: {self.check}"


def require(holds: bool, otherwise: str) -> None:
    """Raise `Violated` with the sentence ``otherwise`` unless something holds."""
    if not holds:
        raise Violated(otherwise)


def listing(names: Sequence[str]) -> str:
    """The first few of some names, and how many more there are."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
