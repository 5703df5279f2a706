"""A child process that answers a line for each line that it is given, over pipes; what they say is up to its caller."""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self


class NoAnswer(Exception):  # noqa: N818 - what was found, not a fault
    """The child has ended; the message says how, and the last that it wrote to standard error."""


class Child:
    """The process of ``command``, for the length of a ``with`` block, in this process's environment or in another."""

    def __init__(self, command: Sequence[str], variables: Mapping[str, str] | None = None) -> None:
        self.command, self.variables = command, variables

    def __enter__(self) -> Self:
        self.log = tempfile.TemporaryFile("w+", errors="replace")  # libraries write in any encoding
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env=self.variables,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, where: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()
        self.log.close()

    def restart(self) -> None:
        """Another process in place of this one."""
        self.__exit__(None, None, None)
        self.__enter__()

    def write(self, line: str) -> None:
        """Give it a line, and do not wait; if it has ended, `read` says so."""
        assert self.process.stdin is not None
        # Looked at first: under the command line SIGPIPE is deadly, so writing to a dead process would end the driver.
        if self.process.poll() is None:
            with suppress(BrokenPipeError):  # elsewhere it may die just now
                self.process.stdin.write(line + "\n")
                self.process.stdin.flush()

    def read(self, seconds: float) -> str:
        """Its next line; a child that takes longer than ``seconds`` is ended.

        Raises:
            NoAnswer: if there is none.
        """
        assert self.process.stdout is not None
        late = False

        def end() -> None:
            nonlocal late
            late = True
            self.process.kill()

        overdue = threading.Timer(seconds, end)
        overdue.start()
        try:
            line = self.process.stdout.readline()
        finally:
            overdue.cancel()  # also on Ctrl-C: Python does not end before its timers have
        if not line.endswith("\n"):  # it may die in the middle of one
            self.log.seek(0)
            last = (self.log.read().strip().splitlines() or ["it said nothing"])[-1]
            raise NoAnswer(f"had no answer after {seconds:g} s ({last})" if late else f"died ({last})")
        return line
