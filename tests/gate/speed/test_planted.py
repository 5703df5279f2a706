"""A planted sleep of 15 % of a step: measured for real, caught, and nothing is raised where the two sides are equal."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

import condbench
from condbench.gate.speed.rounds import interleave
from condbench.gate.speed.sides import Meter, Side
from condbench.gate.speed.subjects import CellSpeed, Pair
from condbench.matrix import plan
from condbench.registry import installed
from condbench.suite import changed, load_suite

SLEEP = """

import time as _time

_step = Stepper.step


def _slower(self, *arguments, **options):
    start = _time.perf_counter()
    loss = _step(self, *arguments, **options)
    _time.sleep(0.15 * (_time.perf_counter() - start))
    return loss


Stepper.step = _slower
"""


class Training(CellSpeed):
    """A cell of which only training is watched, and timed."""

    measures = CellSpeed.measures[:1]

    def round(self, base: Side, head: Side, base_first: bool) -> dict[str, Pair]:
        pairs = super().round(base, head, base_first)
        assert abs(pairs["peak_memory"].worse) < 0.05  # a sleep takes none
        return {"training_throughput": pairs["training_throughput"]}

    def _turns(self, of_base: Meter, of_head: Meter, what: str, base_first: bool) -> Pair:
        return super()._turns(of_base, of_head, what, base_first) if what == "train" else Pair(1.0, 0.0)


def side(name: str, *first: Path) -> Side:
    path = os.pathsep.join([*map(str, first), *(entry for entry in sys.path if entry)])
    return Side(name, sys.executable, os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"})


@pytest.fixture
def slower(tmp_path: Path) -> Path:
    """The harness as it is, with the sleep planted."""
    package = Path(condbench.__file__).parent
    shutil.copytree(package, tmp_path / "condbench", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "condbench" / "training.py").open("a") as file:
        file.write(SLEEP)
    return tmp_path


@pytest.mark.timed
@pytest.mark.parametrize(
    ("planted", "result"), [(True, "regressed"), pytest.param(False, "pass", marks=pytest.mark.campaign)]
)
def test_15_percent_of_a_step_are_caught(slower: Path, planted: bool, result: str) -> None:
    suite = changed(load_suite("speed"), {"backbones": ["vae"]})
    (cell,) = plan(suite, installed(), None)
    head = side("head", slower) if planted else side("head")
    (finding,) = interleave([Training(cell, suite, None)], side("base"), head, seconds=600, say=print, note=print)
    assert finding.result == result, finding
    if planted:
        assert finding.base is not None and finding.head is not None
        assert 1.08 < finding.base.value / finding.head.value < 1.25, finding
