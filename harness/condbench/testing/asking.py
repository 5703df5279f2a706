"""Asking a process of its own to check a distribution, so that the driver needs no torch and survives what it does."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from condbench.errors import Interrupted, UserError
from condbench.results import Record
from condbench.testing.outcome import Outcome

COMMAND = [sys.executable, "-X", "faulthandler", "-m", "condbench.testing"]  # where it was when it died is worth a line


class Question(Record):
    """What to check, which failures are known, and the folder that datasets are given."""

    distribution: str
    expected: dict[str, str]
    data_root: Path | None


class Answer(Record):
    """A case has begun, with so many left after it; or it has ended, with its outcome.

    ``refusal`` is why nothing is checked, if nothing is.
    """

    plugin: str = ""
    check: str = ""
    left: int = 0
    outcome: Outcome | None = None
    refusal: str = ""


def ask(question: Question) -> Iterator[Outcome]:
    """The outcome of each case as it ends. A process that dies fails the case it was at, and leaves out the rest.

    Raises:
        UserError: if a failure is expected of a check that there is not.
        Interrupted: on Ctrl-C, with the case that it was at, which may never end.
    """
    last = Answer()
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(question.model_dump_json() + "\n")
        process.stdin.close()
        try:
            for line in process.stdout:
                last = Answer.model_validate_json(line)
                if last.refusal:
                    raise UserError(last.refusal)
                if last.outcome is not None:
                    yield last.outcome
                    if not last.left:
                        return
            process.wait()
        except KeyboardInterrupt:
            raise Interrupted(
                f"interrupted at '{last.plugin}: {last.check}'." if last.plugin else "interrupted."
            ) from None
        finally:
            process.kill()  # a thread of a plugin's may keep it alive
    left_out = f"; checks left out: {last.left}" if last.left else ""
    yield Outcome(
        plugin=last.plugin or question.distribution,
        check=last.check or "registration",
        state="failed",
        reason=f"{_end(process.returncode)}{left_out}",
    )


def _end(code: int) -> str:
    """How the process ended, in words."""
    if code < 0:
        return f"the process was killed by {signal.Signals(-code).name}"
    return f"the process ended with exit code {code}"
