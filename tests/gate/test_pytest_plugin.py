"""The pytest plugin: a baseline's cells as tests, in a pytest of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.gate.made import WORSE, baseline_of, run_of
from tests.made_runs import Make

LOADED = any(point.name == "condbench" for point in entry_points(group="pytest11"))


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    plugin = [] if LOADED else ["-p", "condbench.gate.pytest_plugin"]
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", *plugin, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path, "COLUMNS": "250", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def baseline(make_run: Make, tmp_path: Path) -> Path:
    baseline_of(run_of(make_run, tmp_path / "good"), tmp_path / "b.json")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_own.py").write_text("import sys\ndef test_own(): assert 'torch' not in sys.modules\n")
    return tmp_path / "b.json"


def test_a_regression_fails_with_its_figures_and_the_rest_passes(
    baseline: Path, make_run: Make, tmp_path: Path
) -> None:
    run_of(make_run, tmp_path / "bad", worse=2.0, seed=1)
    done = run_pytest(tmp_path, "-v", "--condbench-baseline", "b.json", "--condbench-run", "bad")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed" in done.stdout and "8 passed" in done.stdout  # 4 cells of 2 metrics, and the test of its own
    assert f"b.json::{WORSE}::fid FAILED" in done.stdout
    assert f"regressed: fid of {WORSE} is" in done.stdout and "over 10 seeds" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_good_run_passes_and_k_chooses(baseline: Path, make_run: Make, tmp_path: Path) -> None:
    run_of(make_run, tmp_path / "again", seed=2)
    done = run_pytest(tmp_path, "-k", "film and fid", "--condbench-baseline", "b.json", "--condbench-run", "again")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed, 7 deselected" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-n", "2", "--condbench-baseline", "b.json"), "does not go with -n"),
        (("--condbench-run", "good"), "needs --condbench-baseline"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(
    baseline: Path, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = run_pytest(tmp_path, *arguments)
    assert done.returncode == 4
    assert said in done.stderr and "Traceback" not in done.stdout + done.stderr
    assert "session starts" not in done.stdout


def test_a_damaged_baseline_is_one_sentence(baseline: Path, tmp_path: Path) -> None:
    baseline.write_text(baseline.read_text()[:-100])
    done = run_pytest(tmp_path, "--condbench-baseline", "b.json")
    assert done.returncode == 4
    assert "is truncated or damaged" in done.stderr and "Traceback" not in done.stdout + done.stderr
