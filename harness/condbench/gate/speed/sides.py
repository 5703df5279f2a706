"""A side of the comparison, and asking the process that measures there."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

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
    """A side gave no measurement; the message says why."""

    def __init__(self, side: Side, why: str) -> None:
        super().__init__(why)
        self.side = side


class Answer(Record):
    """What a meter says: images and seconds, bytes, or what went wrong."""

    images: float = 0.0
    seconds: float = 0.0
    bytes: float = 0.0
    error: str = ""


class Meter:
    """A fresh process of one side that holds one cell's model, for the length of a ``with`` block."""

    def __init__(self, side: Side) -> None:
        self.side = side

    def __enter__(self) -> Self:
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            self.side.command(str(_METER)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env=self.side.variables,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, where: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()
        self.log.close()

    def ask(self, what: str, argument: object = None) -> Answer:
        """`tell`, and `listen`."""
        self.tell(what, argument)
        return self.listen()

    def tell(self, what: str, argument: object = None) -> None:
        """Give it something to do, and do not wait."""
        assert self.process.stdin is not None
        # Looked at first: under the command line SIGPIPE is deadly, so writing to a dead process would end the driver.
        if self.process.poll() is None:
            self.process.stdin.write(json.dumps([what, argument]) + "\n")
            self.process.stdin.flush()

    def listen(self) -> Answer:
        """Its answer.

        Raises:
            CannotMeasure: if it died, took too long, or says that it cannot.
        """
        assert self.process.stdout is not None
        overdue = threading.Timer(_OVERDUE_SECONDS, self.process.kill)
        overdue.start()
        line = self.process.stdout.readline()
        late = overdue.finished.is_set()
        overdue.cancel()
        if not line:
            self.log.seek(0)
            last = (self.log.read().strip().splitlines() or ["it said nothing"])[-1]
            why = f"its process had no answer after {_OVERDUE_SECONDS:g} s" if late else "its process died"
            raise CannotMeasure(self.side, f"{why} ({last})")
        try:
            answer = Answer.model_validate_json(line)
        except ValidationError:
            raise CannotMeasure(self.side, f"its process said '{line.strip()[:100]}'") from None
        if answer.error:
            raise CannotMeasure(self.side, answer.error)
        return answer
