"""How long a report takes: the whole matrix with three seeds each, in every format that is installed.

pytest benchmarks/test_report.py
"""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from tests.made_runs import large_matrix

from condbench import machine
from condbench.registry import installed, resolve
from condbench.results import RunInfo
from condbench.store import Run

REPORTERS = {entry.spec.name: entry.spec.target for entry in installed().reporters}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """11 backbones by 12 conditioners, made by hand."""
    plan, results = large_matrix(seeds=3)
    info = RunInfo(
        suite="quick",
        command=["condbench", "run"],
        created="2025-03-01T12:00:00+00:00",
        machine=machine.describe(),
        plugins=[],
    )
    made = Run.create(tmp_path_factory.mktemp("runs") / "whole", info, plan)
    for one in results:
        made.write_result(one)
    return made


@pytest.mark.parametrize("name", sorted(REPORTERS))
def test_report(benchmark: BenchmarkFixture, run: Run, name: str) -> None:
    render = resolve(REPORTERS[name])

    def afresh() -> str:
        text: str = render(Run(Path(run.path)))  # nothing that an earlier round has read
        return text

    assert benchmark.pedantic(afresh, rounds=5, warmup_rounds=1)
