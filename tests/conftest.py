"""What all tests share: runs of the command line in processes of their own, and planted distributions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)  # toys are too small to share out, and a busy machine makes threads wait for each other

ROOT = Path(__file__).parents[1]


@dataclass
class Condbench:
    """The command line, run in ``cwd`` with planted distributions on its path."""

    cwd: Path
    planted: list[Path] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"PYTHONPATH": os.pathsep.join(str(path) for path in self.planted), "COLUMNS": "200"}

    def popen(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", "from condbench.cli import main; main()", *arguments],
            cwd=self.cwd,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: str, code: int = 0, timeout: float = 300) -> str:
        """Run a command that must exit with ``code``; its standard output."""
        process = self.popen(*arguments)
        try:
            self.out, self.err = process.communicate(timeout=timeout)
        finally:
            process.kill()
        assert process.returncode == code, f"exit code {process.returncode}, expected {code}\n{self.out}\n{self.err}"
        return self.out

    def json(self, *arguments: str, code: int = 0) -> object:
        return json.loads(self(*arguments, "--json", code=code))

    def plant(self, name: str, source: str, *, version: str = "1.0") -> None:
        """Install a distribution with one module as its plugin, by putting it onto the path with its metadata."""
        module = name.replace("-", "_")
        folder = self.cwd / f"planted-{name}"
        info = folder / f"{module}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[condbench.v1]\nplugin = {module}\n")
        (folder / f"{module}.py").write_text(source)
        self.planted.append(folder)


@pytest.fixture
def condbench(tmp_path: Path) -> Condbench:
    return Condbench(tmp_path)


@pytest.fixture(scope="session")
def condbench_session(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Condbench]:
    return lambda name: Condbench(tmp_path_factory.mktemp(name))


SUITE = """
name = "tiny"
budget = "{budget}"
samples = 100
threads = 1
timeout_seconds = {timeout}
memory_gib = {memory}
metrics = ["label_accuracy"]
"""


@pytest.fixture
def tiny_suite(tmp_path: Path) -> Callable[..., str]:
    """Write a suite of seconds per cell; returns its file's name."""

    def write(*, budget: str = "flops=2e9", timeout: float = 120, memory: float = 4.0) -> str:
        path = tmp_path / "tiny.toml"
        path.write_text(SUITE.format(budget=budget, timeout=timeout, memory=memory))
        return str(path)

    return write
