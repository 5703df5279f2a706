"""The kit as its users meet it: from the shell, and as an author's tests."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_failures_expected_and_not(condbench: Condbench, planted: Path) -> None:
    """A plugin's error has its traceback on standard error; an expected failure must happen."""
    _break(planted, "toy_reporter.py", "escape(result.reason)", "result.reason")
    _break(planted, "toy_executor.py", "    def execute", "    def __init__(self):\n        1 / 0\n\n    def execute")
    known = ("--expect", "toy-page: renders=a draft", "--expect", "toy-page: renders a run that has only begun=later")
    found = condbench.json("plugin", "test", "small", *known, code=3)
    states = {f"{one['plugin']}: {one['check']}": (one["state"], one["reason"]) for one in found}
    assert states.pop("toy-page: renders") == ("expected", "a draft")
    state, reason = states.pop("toy-page: renders a run that has only begun")
    assert state == "failed" and reason.startswith("it was expected to fail and does not")
    assert states.pop("toy-nowhere: follows the protocol") == ("failed", "ZeroDivisionError: division by zero")
    assert "toy_executor.py" in condbench.err and "Traceback" in condbench.err
    assert {state for state, _ in states.values()} == {"ok"}


def test_a_plugin_that_kills_its_process_fails_the_check_it_was_at(condbench: Condbench, planted: Path) -> None:
    _break(planted, "toy_executor.py", "class Nowhere", "import os\nos.kill(os.getpid(), 9)\n\nclass Nowhere")
    out = condbench("plugin", "test", "small", code=3)
    assert "killed by SIGKILL, so that" in out.splitlines()[-1]
    assert out.splitlines()[-1].startswith("failed    toy-nowhere: names and options")


def test_a_quarantined_distribution_is_a_failure(condbench: Condbench) -> None:
    condbench.plant("broken", "import no_such_module")
    out = condbench("plugin", "test", "broken", code=3)
    assert "failed    broken: registration (the entry point 'plugin' is quarantined: ModuleNotFoundError" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("smal",), "did you mean 'small'"),
        (("small", "--expect", "toy-page: rendres=x"), "did you mean 'toy-page: renders'"),
        (("small", "--expect", "toy-page: renders"), "lacks a reason"),
    ],
)
def test_a_mistake_is_a_sentence(condbench: Condbench, planted: Path, arguments: tuple[str, ...], says: str) -> None:
    assert condbench("plugin", "test", *arguments, code=2) == ""
    assert says in condbench.err and "Traceback" not in condbench.err


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
