"""A process per cell on this machine, with limits on wall clock and memory that really kill."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil

from condbench.executors import Observer
from condbench.results import CellResult, PlannedCell, State
from condbench.store import Run

THREAD_VARIABLES = (
    *(f"{library}_NUM_THREADS" for library in ("OMP", "MKL", "OPENBLAS", "NUMEXPR")),
    "VECLIB_MAXIMUM_THREADS",
)
_POLL_SECONDS = 0.1


class LocalExecutor:
    """Starts ``python -m condbench.cell`` per cell and watches over it."""

    def execute(self, run: Run, cells: Sequence[PlannedCell], jobs: int, observer: Observer) -> None:
        """Run ``cells``, at most ``jobs`` at once (see `condbench.executors.Executor`)."""
        stop = threading.Event()
        one_at_a_time = threading.Lock()

        def work(planned: PlannedCell) -> None:
            if stop.is_set():
                return
            with _Process(run, planned) as process:
                with one_at_a_time:
                    observer.started(planned)
                while (message := process.next_event()) is not _ENDED and not stop.is_set():
                    if message is not None:
                        with one_at_a_time:
                            observer.progressed(planned, *message)
                if stop.is_set():
                    return
                result = process.settle()
                with one_at_a_time:
                    observer.finished(result)

        with ThreadPoolExecutor(jobs) as pool:
            try:
                for future in [pool.submit(work, planned) for planned in cells]:
                    future.result()
            except BaseException:
                stop.set()
                raise


_ENDED = ("", -1.0)


class _Process:
    """One cell's process: its events, its limits and what to make of its end."""

    def __init__(self, run: Run, planned: PlannedCell) -> None:
        self.run, self.planned = run, planned
        self.settings = planned.provenance.settings
        self.path = run.cell_path(planned.name)
        self.state: State | None = None
        self.reason = ""
        self.start = time.monotonic()
        self.started = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())

    def __enter__(self) -> _Process:
        shutil.rmtree(self.path, ignore_errors=True)  # what an earlier, unfinished life left
        self.path.mkdir(parents=True)
        with (self.path / "log.txt").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "condbench.cell", str(self.run.path), self.planned.name, "--attached"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=os.environ | _environment(self.settings.threads),
                start_new_session=True,  # so that a limit ends the cell's own children too, and Ctrl-C only the driver
            )
        self.events: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.put(line)
        self.events.put(b"")

    def next_event(self) -> tuple[str, float] | None:
        """The next (stage, progress), None if there is none yet, or _ENDED."""
        self._enforce_limits()
        try:
            line = self.events.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            return None
        if not line:
            return _ENDED
        try:
            event = json.loads(line)
            return str(event["stage"]), float(event["progress"])
        except (ValueError, TypeError, KeyError):
            return None  # something in the cell's environment prints before the cell takes its standard output over

    def _enforce_limits(self) -> None:
        if self.state is not None:
            return
        seconds = time.monotonic() - self.start
        if seconds > self.settings.timeout_seconds:
            self._kill("timeout", f"it was killed after {seconds:.0f} s, its wall-clock limit")
        with suppress(psutil.NoSuchProcess):
            if self._held() <= self.settings.memory_bytes:
                return
            time.sleep(_POLL_SECONDS)  # a child that is just being started shows its parent's memory as its own
            if (held := self._held()) > self.settings.memory_bytes:
                limit = self.settings.memory_bytes / 2**30
                self._kill(
                    "out-of-memory",
                    f"it was killed holding {held / 2**30:.2f} GiB of memory, limit {limit:g} GiB",
                )

    def _held(self) -> int:
        """The memory of the cell and its children, in bytes."""
        cell = psutil.Process(self.process.pid)
        return sum(int(process.memory_info().rss) for process in (cell, *cell.children(recursive=True)))

    def _kill(self, state: State | None, reason: str) -> None:
        self.state, self.reason = state, reason
        with suppress(ProcessLookupError, PermissionError):  # macOS says so of a group that has ended
            os.killpg(self.process.pid, signal.SIGKILL)

    def settle(self) -> CellResult:
        """The cell's result; where it did not write one, what its process's end says."""
        while self.process.poll() is None:  # its output has ended, but a thread of a plugin's may keep it alive
            self._enforce_limits()
            time.sleep(_POLL_SECONDS)
        code = self.process.returncode
        written = self.run.result(self.planned.name)
        if written is not None:
            return written
        if self.state is None:
            self.state, self.reason = _verdict(code, self.path / "log.txt")
        result = CellResult(
            name=self.planned.name,
            state=self.state,
            reason=self.reason,
            provenance=self.planned.provenance,
            stages={"total": round(time.monotonic() - self.start, 3)},
            started=self.started,
        )
        self.run.write_result(result)
        return result

    def __exit__(self, *exception: object) -> None:
        self._kill(self.state, self.reason)  # its whole group: what a cell has started ends with it
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


def _verdict(code: int, log: Path) -> tuple[State, str]:
    """The state of a cell whose process ended without a result."""
    if code < 0:
        name = signal.Signals(-code).name
        return "lost", f"its process was killed by {name}" + (
            ", as the kernel does when memory runs out" if name == "SIGKILL" else ""
        )
    last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["it printed nothing"]
    return "lost", f"its process ended with exit code {code} and no result: {last[0]}"


def _environment(threads: int) -> dict[str, str]:
    """What must be set before an interpreter starts: the threads of every library, and the order of sets of text."""
    return dict.fromkeys(THREAD_VARIABLES, str(threads)) | {"PYTHONHASHSEED": "0"}
