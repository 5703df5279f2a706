"""A side of the comparison, and asking the process that measures there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from condbench.child import Child, NoAnswer
from condbench.results import Record

_METER = Path(__file__).with_name("meter.py")
_OVERDUE_SECONDS = 600.0


@dataclass(frozen=True)
class Side:
    """base or head: its interpreter and that one's environment variables."""

    name: str
    python: str
    variables: Mapping[str, str]

    def command(self, *arguments: str) -> list[str]:
        """Python with these arguments, whatever lies in the current directory."""
        return [self.python, "-P", *arguments]


class CannotMeasure(Exception):  # noqa: N818 - what was found, not a fault
    """A side gave no measurement; the message says why, ``absent`` whether it has no such cell at all."""

    def __init__(self, side: Side, why: str, *, absent: bool = False) -> None:
        super().__init__(why)
        self.side, self.absent = side, absent


class Answer(Record):
    """What a meter says: images and seconds, bytes, or what went wrong, and whether there is no such cell."""

    images: float = 0.0
    seconds: float = 0.0
    bytes: float = 0.0
    error: str = ""
    absent: bool = False


class Meter(Child):
    """A fresh process of one side that holds one cell's model, for the length of a ``with`` block."""

    def __init__(self, side: Side) -> None:
        super().__init__(side.command(str(_METER)), side.variables)
        self.side = side

    def ask(self, what: str, argument: object = None) -> Answer:
        """`tell`, and `listen`."""
        self.tell(what, argument)
        return self.listen()

    def tell(self, what: str, argument: object = None) -> None:
        """Give it something to do, and do not wait."""
        self.write(json.dumps([what, argument]))

    def listen(self) -> Answer:
        """Its answer.

        Raises:
            CannotMeasure: if it died, took too long, or says that it cannot.
        """
        try:
            line = self.read(_OVERDUE_SECONDS)
        except NoAnswer as how:
            raise CannotMeasure(self.side, f"its process {how}") from None
        try:
            answer = Answer.model_validate_json(line)
        except ValidationError:
            raise CannotMeasure(self.side, f"its process said '{line.strip()[:100]}'") from None
        if answer.error:
            raise CannotMeasure(self.side, answer.error, absent=answer.absent)
        return answer
