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


def test_a_line_per_check(condbench: Condbench, planted: Path) -> None:
    lines = condbench("plugin", "test", "small").splitlines()
    assert lines[0] == "ok        small: registration"
    assert "ok        toy-page: renders" in lines
    assert all(line.startswith("ok") for line in lines)
    assert condbench.err.splitlines()[-1] == f"{len(lines)} checks: {len(lines)} ok"


def test_a_failed_check_is_exit_code_3(condbench: Condbench, planted: Path) -> None:
    _break(planted, "toy_reporter.py", "escape(result.reason)", "result.reason")
    found = condbench.json("plugin", "test", "small", code=3)
    states = {f"{one['plugin']}: {one['check']}": (one["state"], one["reason"]) for one in found}
    state, reason = states.pop("toy-page: renders")
    assert state == "failed" and "not escaped" in reason
    assert {state for state, _ in states.values()} == {"ok"}


def test_an_expected_failure_is_told_of_and_must_happen(condbench: Condbench, planted: Path) -> None:
    expect = ("--expect", "toy-page: renders=it is a draft")
    out = condbench("plugin", "test", "small", *expect, code=3)
    assert "failed    toy-page: renders (it was expected to fail and does not" in out
    _break(planted, "toy_reporter.py", "escape(result.reason)", "result.reason")
    out = condbench("plugin", "test", "small", *expect)
    assert "expected  toy-page: renders (it is a draft)" in out


def test_what_a_plugin_raises_is_a_failure_with_its_traceback_on_standard_error(
    condbench: Condbench, planted: Path
) -> None:
    _break(planted, "toy_reporter.py", "lines = []", "raise ValueError('no ink')")
    out = condbench("plugin", "test", "small", code=3)
    assert "failed    toy-page: renders (ValueError: no ink)" in out
    assert "toy_reporter.py" in condbench.err


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


def test_the_driver_imports_no_torch(condbench: Condbench, planted: Path) -> None:
    code = (
        "import sys\n"
        "from condbench.testing.asking import Question, ask\n"
        "found = list(ask(Question(distribution='small', expected={}, data_root=None)))\n"
        "print(len(found) > 5, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=condbench.environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "False"]


AUTHORS = """
from condbench.testing import conformance

test_conformance = conformance("small", expected={expected})
"""


def _pytest(condbench: Condbench, expected: dict[str, str]) -> subprocess.CompletedProcess[str]:
    folder = condbench.cwd / "authors"
    folder.mkdir(exist_ok=True)
    (folder / "test_mine.py").write_text(AUTHORS.format(expected=expected))
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    environment = {key: value for key, value in condbench.environment.items() if not key.startswith("PYTEST")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_one_line_in_an_authors_test_file(condbench: Condbench, planted: Path) -> None:
    done = _pytest(condbench, {})
    assert done.returncode == 0, done.stdout
    assert "PASSED test_mine.py::test_conformance[toy-page: renders]" in done.stdout
    _break(planted, "toy_reporter.py", "escape(result.reason)", "result.reason")
    done = _pytest(condbench, {})
    assert done.returncode == 1
    assert "toy-page: renders: the reason of a failed cell is not escaped" in done.stdout
    assert "Traceback" not in done.stdout and "outcome.py" not in done.stdout
    assert (
        "XFAIL test_mine.py::test_conformance[toy-page: renders]"
        in _pytest(condbench, {"toy-page: renders": "a draft"}).stdout
    )
    strict = _pytest(condbench, {"toy-page: renders": "a draft", "toy-nowhere: follows the protocol": "not yet"})
    assert strict.returncode == 1
    assert "FAILED test_mine.py::test_conformance[toy-nowhere: follows the protocol]" in strict.stdout
    wrong = _pytest(condbench, {"toy-page: rendres": "a draft"})
    assert wrong.returncode != 0 and "did you mean 'toy-page: renders'" in wrong.stdout


def test_collecting_needs_condbenchs_packages_only() -> None:
    """Importing the kit is no cost at the start of a test session."""
    code = "import sys; import condbench.testing; print(sorted({'torch', 'pytest'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
