"""What all tests share: runs of the command line in processes of their own, and planted distributions."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from condbench.results import CellResult, Machine, PlannedCell, PluginState, RunInfo
from condbench.store import Run
from tests.made_runs import BACKBONES, CONDITIONERS, TROUBLE, UNFINISHED, Make, grid, planned, result, rows
from tests.planting import plant

signal.signal(signal.SIGINT, signal.default_int_handler)  # started in the background, a shell has tests ignore Ctrl-C
settings.register_profile("busy", deadline=None)  # how long an example takes says more of the machine than of it
settings.load_profile("busy")
torch.set_num_threads(1)  # toys are too small to share out, and a busy machine makes threads wait for each other

ROOT = Path(__file__).parents[1]
CACHE = tempfile.mkdtemp(prefix="condbench-tests-")  # not the user's


@dataclass
class Condbench:
    """The command line, run in ``cwd`` with planted distributions on its path."""

    cwd: Path
    planted: list[Path] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        nowhere = "http://127.0.0.1:9"  # whatever a command would fetch, it cannot
        return os.environ | {
            "PYTHONPATH": os.pathsep.join(str(path) for path in self.planted),
            "COLUMNS": "200",
            "CONDBENCH_CACHE": CACHE,
            "http_proxy": nowhere,
            "https_proxy": nowhere,
        }

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
        folder = self.cwd / f"planted-{name}"
        plant(folder, name, source, version=version)
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


@pytest.fixture
def make_run(tmp_path: Path) -> Make:
    def make(plan: list[PlannedCell], results: Iterable[CellResult] = (), **info: object) -> Run:
        described: dict[str, object] = {
            "suite": "quick",
            "description": "Every backbone with every conditioner on 10,000 real digits",
            "command": ["condbench", "run", "--all", "--out", "runs/my first"],
            "created": "2025-03-01T12:00:00+00:00",
            "machine": Machine(
                platform="Linux-6.1-x86_64",
                processor="Example Processor @ 2.0 GHz",
                cores=2,
                memory_bytes=8 * 2**30,
                python="3.11.9",
            ),
            "plugins": [PluginState(distribution="condbench", version="0.1.0", entry_point="builtin", state="ok")],
        }
        run = Run.create(tmp_path / "demo", RunInfo.model_validate({**described, **info}), plan)
        for one in results:
            run.write_result(one)
        return run

    return make


@pytest.fixture
def full_run(make_run: Make) -> Run:
    """36 cells: every state, one cell not run yet, a metric without a value, a grid for each ok cell."""
    plan, results = [], []
    for i, backbone in enumerate(BACKBONES):
        for j, conditioner in enumerate(CONDITIONERS):
            state, reason = TROUBLE.get((backbone, conditioner), ("ok", ""))
            line = planned(backbone, conditioner, skip=reason if state == "skipped" else "")
            plan.append(line)
            if (backbone, conditioner) == UNFINISHED:
                continue
            fid = None if (backbone, conditioner) == ("vae", "none") else 48.0 * 0.62 ** (i + 1.3 * j % 4)
            accuracy = 0.1 + 0.88 * (j / 5) ** 0.5 * (0.6 + 0.08 * i)
            metrics = rows(fid, accuracy, 40.0 * 3.1**i / (1 + 0.1 * j)) if state == "ok" else ()
            results.append(result(line, metrics, state, reason))
    run: Run = make_run(plan, results)
    for index, one in enumerate(results):
        if one.state == "ok":
            (run.cell_path(one.name) / "samples.png").write_bytes(grid(index))
    return run
