"""The arrows between the packages: the lint step keeps them, and a planted one makes it fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("harness", "plugins", "reports")


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(str(tree / folder) for folder in FOLDERS)}
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contract_is_kept(tree: Path) -> None:
    done = lint(tree)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "arrow"),
    [
        ("harness/condbench/training.py", "condbench_plugins.backbones.flow"),
        ("harness/condbench/cli/report.py", "condbench_reports.html"),
        ("plugins/condbench_plugins/backbones/flow.py", "condbench.cell"),
        ("reports/condbench_reports/html.py", "condbench.training"),
        ("harness/condbench/specs.py", "condbench.store"),
    ],
)
def test_a_planted_arrow_breaks_it(tree: Path, file: str, arrow: str) -> None:
    with (tree / file).open("a") as source:
        source.write(f"\nimport {arrow}\n")
    done = lint(tree)
    assert done.returncode == 1
    assert arrow in done.stdout
