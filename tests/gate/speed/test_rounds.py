"""Rounds until it can be told: with made subjects, whose time is made too."""

from __future__ import annotations

import itertools
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from condbench.gate.outcome import Finding
from condbench.gate.reporting.words import figures
from condbench.gate.speed.decision import LOOKS
from condbench.gate.speed.rounds import interleave
from condbench.gate.speed.sides import CannotMeasure, Meter, Side
from condbench.gate.speed.subjects import Measure, Pair
from tests.planting import plant

BASE, HEAD = Side("base", "python", {}), Side("head", "python", {})


class Made:
    measures = (Measure("training_throughput", "images/s", "higher"), Measure("peak_memory", "bytes", "lower"))

    def __init__(
        self, name: str, slower: float = 1.0, spread: float = 0.01, broken: Side | None = None, absent: bool = False
    ) -> None:
        self.name, self.slower, self.spread, self.broken, self.absent = name, slower, spread, broken, absent
        self.rng = np.random.default_rng(0)
        self.first: list[bool] = []

    def round(self, base: Side, head: Side, base_first: bool) -> dict[str, Pair]:
        self.first.append(base_first)
        if self.broken:
            raise CannotMeasure(self.broken, "unknown backbone 'flow'", absent=self.absent)
        noise = self.spread * self.rng.standard_normal()
        return {
            "training_throughput": Pair(100.0, math.log(self.slower) + noise),
            "peak_memory": Pair(1e9, 0.0),
        }


def check(
    *subjects: Made, seconds: float = 1e9, note: Callable[[str], None] = lambda _: None
) -> dict[tuple[str, str], Finding]:
    ticks = itertools.count()
    found = interleave(
        subjects, BASE, HEAD, seconds=seconds, say=lambda _: None, note=note, clock=lambda: float(next(ticks))
    )
    return {(one.cell, one.metric): one for one in found}


def test_slower_is_regressed_and_the_same_passes_with_four_rounds() -> None:
    same, slow = Made("same"), Made("slow", slower=1.15, spread=0.06)
    found = check(same, slow)
    slower = found["slow", "training_throughput"]
    assert slower.result == "regressed"
    assert slower.head is not None and slower.head.value == pytest.approx(100 / 1.15, rel=0.06)  # fewer images/s
    assert slower.smallest is not None and slower.smallest < 95
    assert "x 1." in slower.why and "rounds" in figures(slower)[1]
    assert found["same", "training_throughput"].result == found["slow", "peak_memory"].result == "pass"
    assert len(same.first) == LOOKS[0] < len(slow.first)  # what is settled is measured no more
    assert same.first == [True, False, True, False]


def test_when_the_time_is_up_what_is_open_is_inconclusive() -> None:
    found = check(Made("noisy", spread=0.2), Made("other", spread=0.2), seconds=5)
    assert {one.result for one in found.values()} == {"inconclusive"}
    assert all(one.why.startswith("the time was up") for one in found.values())


def test_what_a_side_cannot_measure_is_no_pass() -> None:
    found = check(Made("broken", broken=BASE), Made("gone", broken=HEAD, absent=True), Made("fine"))
    assert found["broken", "peak_memory"].result == "not comparable"
    assert found["gone", "peak_memory"].result == "failed"
    assert "head: unknown backbone" in found["gone", "peak_memory"].why
    assert found["fine", "training_throughput"].result == "pass"


def test_what_is_new_has_nothing_to_be_held_against() -> None:
    notes: list[str] = []
    found = check(Made("new", broken=BASE, absent=True), Made("fine"), note=notes.append)
    assert {cell for cell, _ in found} == {"fine"}
    assert notes == ["new is new, and so not checked: base has none (unknown backbone 'flow')"]


@pytest.mark.parametrize("backbone", ["nothing", "vae"])
def test_a_side_says_that_it_has_no_such_cell(backbone: str) -> None:
    """A name that it does not know, or a pair that it skips."""
    suite = {"name": "s", "budget": "samples=1", "backbones": [backbone], "conditioners": ["projection"]}
    with Meter(Side("base", sys.executable, os.environ)) as meter, pytest.raises(CannotMeasure) as why:
        meter.ask("prepare", [suite, None])
    assert why.value.absent, why.value


def test_a_side_with_a_broken_plugin_may_have_the_cell(tmp_path: Path) -> None:
    """Or a base that does not work in this environment would make everything new, and every check pass."""
    plant(tmp_path, "wreck", "raise RuntimeError('at import')\n")
    path = os.pathsep.join([str(tmp_path), *(entry for entry in sys.path if entry)])
    suite = {"name": "s", "budget": "samples=1", "backbones": ["nothing"], "conditioners": ["film"]}
    side = Side("base", sys.executable, os.environ | {"PYTHONPATH": path})
    with Meter(side) as meter, pytest.raises(CannotMeasure, match="unknown backbone") as why:
        meter.ask("prepare", [suite, None])
    assert not why.value.absent


def test_a_side_that_breaks_is_not_without_the_cell() -> None:
    with Meter(Side("base", sys.executable, os.environ)) as meter, pytest.raises(CannotMeasure) as why:
        meter.ask("train", 1)
    assert not why.value.absent


def test_a_meter_that_dies_says_so() -> None:
    nowhere = Side("base", sys.executable, {"PYTHONHOME": "/nowhere"})
    with Meter(nowhere) as meter, pytest.raises(CannotMeasure, match="its process died"):
        meter.ask("prepare", [{}, None])


def test_a_side_that_knows_less_says_so() -> None:
    older = Side("base", sys.executable, os.environ)
    with Meter(older) as meter, pytest.raises(CannotMeasure, match="ValidationError") as error:
        meter.ask("prepare", [{"name": "x", "of the future": 1}, None])
    assert "\n" not in str(error.value)
