"""The kit as its users meet it: from the shell, and as an author's tests."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from condbench.cli.plugin import _shown
from condbench.errors import Interrupted, UserError
from condbench.testing import asking
from condbench.testing.__main__ import answers
from condbench.testing.asking import Answer
from condbench.testing.outcome import Outcome
from tests.conformance.planting import TOY
from tests.conftest import Condbench


@pytest.fixture
def planted(condbench: Condbench) -> Path:
    """A distribution with an executor and a reporter only, so that checks take no time; the folder of its code."""
    register = (
        "from condbench import hookimpl\n"
        "from condbench.specs import ExecutorSpec, ReporterSpec\n"
        "@hookimpl\n"
        "def condbench_register_executors():\n"
        "    yield ExecutorSpec(name='toy-nowhere', target='toy_executor:Nowhere', summary='runs nothing')\n"
        "@hookimpl\n"
        "def condbench_register_reporters():\n"
        "    yield ReporterSpec(name='toy-page', target='toy_reporter:render', summary='a list', suffix='.html')\n"
    )
    condbench.plant("small", register)
    folder = condbench.planted[-1]
    for name in ("executor", "reporter"):
        shutil.copy(TOY / f"{name}.py", folder / f"toy_{name}.py")
    return folder


def _break(folder: Path, file: str, old: str, new: str) -> None:
    source = (folder / file).read_text()
    assert old in source
    (folder / file).write_text(source.replace(old, new))


def test_a_line_per_check_from_a_driver_without_torch(condbench: Condbench, planted: Path) -> None:
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('torch' in sys.modules, file=sys.stderr))\n"
        "from condbench.cli import main\n"
        "main()"
    )
    command = [sys.executable, "-c", code, "plugin", "test", "small"]
    done = subprocess.run(command, env=condbench.environment, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0] == "ok        small: registration"
    assert "ok        toy-page: renders" in lines
    assert all(line.startswith("ok") for line in lines)
    assert done.stderr.splitlines()[-2:] == [f"{len(lines)} checks: {len(lines)} ok", "False"]


def test_every_way_to_end(condbench: Condbench, planted: Path) -> None:
    """A plugin's error has its traceback on standard error; an expected failure must happen; a process may die."""
    _break(planted, "small.py", "summary='runs nothing'", "summary=''")
    _break(planted, "toy_executor.py", "    def execute", "    def __init__(self):\n        1 / 0\n\n    def execute")
    _break(planted, "toy_reporter.py", "    lines = []", "    import os\n    os.abort()")
    known = ("--expect", "toy-nowhere: follows the protocol=not yet", "--expect", "toy-page: names and options=later")
    out = condbench("plugin", "test", "small", *known, code=3)
    assert out.splitlines() == [
        "ok        small: registration",
        "ok        small: registration imports no torch",
        "failed    toy-nowhere: names and options (its spec has no summary of one line, which `condbench list` shows)",
        "expected  toy-nowhere: follows the protocol (not yet)",
        "failed    toy-page: names and options (it was expected to fail and does not: take it off the expected "
        "failures (later))",
        "failed    toy-page: renders (the process was killed by SIGABRT; checks left out: 1)",
    ]
    assert "ZeroDivisionError" in condbench.err and f'"{planted / "toy_executor.py"}", line' in condbench.err
    assert f'"{planted / "toy_reporter.py"}", line' in condbench.err, "where it was when its process died"
    assert condbench.err.endswith("6 checks: 3 failed, 2 ok, 1 expected\n")


OUTCOME = Outcome(plugin="mine", check="shapes", state="failed", reason="oh no", seconds=0.5)


def _asked(monkeypatch: pytest.MonkeyPatch, *answers: Answer) -> Iterator[Outcome]:
    """What is made of a process that answers so."""
    lines = "".join(f"{answer.model_dump_json()}\n" for answer in answers)
    monkeypatch.setattr(asking, "COMMAND", [sys.executable, "-c", f"print({lines!r}, end='')"])
    return asking.ask(asking.Question(distribution="mine", expected={}, data_root=None))


def test_an_expected_failure_of_no_check_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the process that knows the checks; the driver makes it the user's error."""
    question = asking.Question(distribution="condbench", expected={"flow: shaeps": "x"}, data_root=None)
    (refused,) = answers(question)
    with pytest.raises(UserError, match="unknown expected failure 'flow: shaeps': did you mean 'flow: shapes'"):
        next(_asked(monkeypatch, refused))


def test_ctrl_c_names_the_check_that_it_was_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be one that never ends."""
    outcomes = _asked(monkeypatch, Answer(plugin="mine", check="shapes", left=1, outcome=OUTCOME))
    assert next(outcomes) == OUTCOME
    with pytest.raises(Interrupted, match="interrupted at 'mine: shapes'"):
        outcomes.throw(KeyboardInterrupt())


def test_outcomes_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert _shown([OUTCOME], as_json=True) == [OUTCOME]
    found = {"plugin": "mine", "check": "shapes", "state": "failed", "reason": "oh no", "seconds": 0.5}
    assert json.loads(capsys.readouterr().out) == [found]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("smal",), "did you mean 'small'"),
        (("not-there",), "Your own must be installed first, e.g. `pip install -e FOLDER`"),
        (("small", "--expect", "toy-page: renders"), "lacks a reason"),
    ],
)
def test_a_mistake_is_a_sentence(condbench: Condbench, planted: Path, arguments: tuple[str, ...], says: str) -> None:
    assert condbench("plugin", "test", *arguments, code=2) == ""
    assert says in condbench.err and condbench.err.count("\n") == 1


AUTHORS = """
from condbench.testing import conformance

test_conformance = conformance("small", expected={expected})
"""


def test_one_line_in_an_authors_test_file(condbench: Condbench, planted: Path) -> None:
    _break(planted, "toy_reporter.py", "escape(result.reason)", "result.reason")
    folder = condbench.cwd / "authors"
    folder.mkdir()
    files = {
        "test_plain": {},
        "test_known": {"toy-page: renders": "a draft", "toy-nowhere: follows the protocol": "not yet"},
        "test_wrong": {"toy-page: rendres": "a draft"},
    }
    for name, expected in files.items():
        (folder / f"{name}.py").write_text(AUTHORS.format(expected=expected))
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "--continue-on-collection-errors"]
    environment = {key: value for key, value in condbench.environment.items() if not key.startswith("PYTEST")}
    done = subprocess.run([*command, "."], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    for line in (
        "PASSED test_plain.py::test_conformance[toy-nowhere: follows the protocol]",
        "FAILED test_plain.py::test_conformance[toy-page: renders]",
        "XFAIL test_known.py::test_conformance[toy-page: renders]",
        "FAILED test_known.py::test_conformance[toy-nowhere: follows the protocol]",
        "ERROR test_wrong.py",
    ):
        assert line in done.stdout, done.stdout
    assert "toy-page: renders: the reason of a failed cell is not escaped" in done.stdout
    assert "outcome.py" not in done.stdout, "a sentence, without the kit's own lines"
    assert "did you mean 'toy-page: renders'" in done.stdout


def test_importing_the_kit_costs_nothing() -> None:
    code = "import sys; import condbench.testing; print(sorted({'torch', 'pytest'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
