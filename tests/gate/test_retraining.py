"""How many seeds a check trains: one where that tells, three where they look fine, ten where they look bad."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from condbench.executors import Observer
from condbench.gate.baseline import Baseline
from condbench.gate.outcome import Finding
from condbench.gate.retraining import Workshop, retrain, with_seed
from condbench.gate.stages import TRAINED
from condbench.npz import write_npz
from condbench.registry import installed
from condbench.results import PlannedCell
from condbench.store import Run
from tests.gate.made import WORSE, baseline_of, run_of
from tests.made_runs import Make, result, rows

FIT, EQUAL = "mnist10k.flow.concat", "mnist10k.gan.film"


@contextmanager
def nobody(run: Run) -> Iterator[Observer]:
    raise AssertionError("this workshop trains nothing")
    yield


@dataclass(frozen=True)
class Made(Workshop):
    """Ends cells with made results instead of training them."""

    fid: Callable[[PlannedCell], float] = lambda planned: 1.0

    def work(self) -> list[str]:
        for planned in self.run.plan:
            if self.run.result(planned.name) is None:
                self.run.write_result(result(planned, rows(self.fid(planned), 1900 / 1996, 100.0)))
                samples(self.run, planned.name, value=255)
        return []


def samples(run: Run, cell: str, value: int) -> None:
    (run.cell_path(cell) / "samples.npz").write_bytes(write_npz(np.full((2, 1, 4, 4), value, np.uint8), np.arange(2)))


@pytest.fixture
def baseline(make_run: Make, tmp_path: Path) -> Baseline:
    run = run_of(make_run, tmp_path / "base", seed=1)
    for planned in run.plan:
        seed = planned.cell.seed
        if planned.name.startswith(EQUAL):  # the only cell that has the samples and measures of the new revision
            run.write_result(result(planned, rows(1.0 + seed, 1900 / 1996, 100.0)))
            samples(run, planned.name, value=255)
    return baseline_of(run, tmp_path / "b.json")


def found(
    baseline: Baseline, make_run: Make, worse: float, equal: float = 1.0
) -> tuple[dict[str, list[int]], dict[str, Finding]]:
    """The seeds that each cell was trained with, and what was found of its FID.

    Only cells that got all seeds may become regressions, which is asserted on the way.
    """
    planned = {
        cell.identity: PlannedCell(name=f"{cell.name}.s0", provenance=baseline.provenance(cell, 0))
        for cell in baseline.cells
    }
    rng = np.random.default_rng(3)

    def fid(cell: PlannedCell) -> float:
        if cell.name.startswith(EQUAL):
            return equal + cell.cell.seed
        return math.exp(0.1 * rng.normal()) * (worse if cell.name.startswith(WORSE) else 0.98)

    run = make_run(list(planned.values()))
    workshop = Made(run, installed(), "local", 1, nobody, fid)
    judgement, warnings = retrain(baseline, baseline.cells, planned, workshop)
    assert not warnings
    seeds: dict[str, list[int]] = {}
    for line in Run(run.path).plan:
        seeds.setdefault(line.name.rpartition(".s")[0], []).append(line.cell.seed)
        assert line.name.endswith(f".s{line.cell.seed}")
    for trial, evidence in judgement.open:
        assert evidence.final == (len(evidence.head) == len(seeds[trial.cell]) == 10)
    return seeds, {one.cell: one for one in judgement.findings(TRAINED) if one.metric == "fid"}


def test_the_first_seed_settles_what_is_the_same(baseline: Baseline, make_run: Make) -> None:
    seeds, of = found(baseline, make_run, worse=1.0)
    assert seeds[EQUAL] == [0] and of[EQUAL].stage == "same samples" and of[EQUAL].result == "pass"
    assert seeds[FIT] == [0, 1, 2] and of[FIT].result == "pass"


def test_only_what_looks_bad_gets_all_seeds(baseline: Baseline, make_run: Make) -> None:
    seeds, of = found(baseline, make_run, worse=1.6)
    assert seeds[WORSE] == list(range(10)) and of[WORSE].result == "regressed"
    assert seeds[EQUAL] == [0] and seeds[FIT] == [0, 1, 2]


def test_the_same_samples_that_measure_otherwise_are_not_the_same(baseline: Baseline, make_run: Make) -> None:
    """A metric has changed."""
    seeds, of = found(baseline, make_run, worse=1.0, equal=1.2)
    assert len(seeds[EQUAL]) >= 3 and of[EQUAL].stage == "seeds"


def test_another_seed_is_another_cell_of_the_same_name(baseline: Baseline) -> None:
    cell = PlannedCell(name="a.b.s1.s0", provenance=baseline.provenance(baseline.cells[0], 0))
    assert with_seed(cell, 4).name == "a.b.s1.s4" and with_seed(cell, 4).cell.seed == 4
