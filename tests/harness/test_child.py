"""A child process that answers in lines: what is told of one that has died, or is late, and that neither ends us."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator

import pytest

from condbench.child import Child, NoAnswer

ECHO = "import sys\nfor line in sys.stdin: print(line.strip().upper(), flush=True)"


@pytest.fixture(autouse=True)
def deadly_sigpipe() -> Iterator[None]:
    """As under the command line."""
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGPIPE, before)


def python(code: str) -> Child:
    return Child([sys.executable, "-c", code])


def test_a_line_for_a_line() -> None:
    with python(ECHO) as child:
        for word in ("one", "two"):
            child.write(word)
            assert child.read(60) == f"{word.upper()}\n"
    assert child.process.poll() is not None, "it ends with its block"


def test_one_that_has_died_is_told_with_its_last_words() -> None:
    with python("import sys; sys.exit('first line\\nout of luck')") as child:
        child.process.wait()
        child.write("hello")
        with pytest.raises(NoAnswer, match=r"^died \(out of luck\)$"):
            child.read(60)


def test_half_a_line_is_no_answer() -> None:
    """It died while it wrote, and what it had written need not even be text."""
    code = r"import os; os.write(2, b'out of \xff'); os.write(1, b'half')"
    with python(code) as child, pytest.raises(NoAnswer, match=r"^died \(out of \N{REPLACEMENT CHARACTER}\)$"):
        child.read(60)


def test_one_that_is_late_is_ended() -> None:
    with python("import time; time.sleep(600)") as child:
        with pytest.raises(NoAnswer, match=r"^had no answer after 0\.1 s \(it said nothing\)$"):
            child.read(0.1)
        assert child.process.wait(60) == -signal.SIGKILL


def test_who_stops_waiting_leaves_no_timer() -> None:
    """Ctrl-C in a wait of ten minutes: the timer's thread would keep the interpreter for the rest of them."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with python("import time; time.sleep(600)") as child, pytest.raises(KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            child.read(600)
    finally:
        signal.signal(signal.SIGALRM, before)
    for timer in [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]:
        timer.join(5)
        assert not timer.is_alive()
