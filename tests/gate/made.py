"""Runs made by hand for the tests of baselines and checks: two backbones by two conditioners, ten seeds each."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from condbench.gate.baseline import Baseline, read_baseline, write_baseline
from condbench.gate.recording import record
from condbench.results import CellResult, PlannedCell
from condbench.store import Run
from tests.made_runs import Make, planned, result, rows

BACKBONES, CONDITIONERS = ("flow", "gan"), ("film", "concat")
WORSE = "mnist10k.flow.film"


def cells(
    *, seed: int = 0, seeds: int = 10, worse: float = 1.0, spread: float = 0.1
) -> tuple[list[PlannedCell], list[CellResult]]:
    """FIDs and accuracies with a spread over seeds; flow with film is ``worse`` by that factor."""
    rng = np.random.default_rng(seed)
    plan = [planned(b, c, seed=s) for b in BACKBONES for c in CONDITIONERS for s in range(seeds)]
    results = []
    for line in plan:
        factor = worse if line.name.startswith(WORSE) else 1.0
        fid = factor * math.exp(spread * rng.normal())
        accuracy = 1 / (1 + math.exp(-3 - 0.15 * rng.normal()))
        results.append(result(line, rows(fid, round(1996 * accuracy) / 1996, 100.0)))
    return plan, results


Change = Callable[[CellResult], CellResult]


def run_of(make_run: Make, at: Path, change: Change | None = None, **how: float) -> Run:
    """A made run that lies at ``at``; ``change`` is done to each result."""
    plan, results = cells(**how)  # type: ignore[arg-type]
    made = make_run(plan, [change(one) for one in results] if change else results)
    shutil.rmtree(at, ignore_errors=True)
    made.path.rename(at)
    return Run(at)


def baseline_of(run: Run, file: Path, seeds_at_least: int = 10) -> Baseline:
    """The baseline of a run, written and read back."""
    write_baseline(file, record(run, seeds_at_least))
    return read_baseline(file)
