"""What a round measures, of made sides: which of them has the first turn, and that what costs more is worse."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from condbench.gate.speed import subjects
from condbench.gate.speed.sides import Answer, CannotMeasure, Side
from condbench.gate.speed.subjects import CellSpeed, StartUp
from condbench.suite import Suite
from tests.made_runs import planned

BASE, HEAD = Side("base", "python", {}), Side("head", "python", {})
COST = {"train": 2.0, "sample": 4.0}


@dataclass
class Made:
    """A meter whose head takes longer for everything."""

    name: str
    turns: list[tuple[str, str, object]]

    def tell(self, what: str, argument: object) -> None:
        pass

    def listen(self) -> Answer:
        return Answer()

    def ask(self, what: str, argument: object = None) -> Answer:
        if what == "memory":
            return Answer(bytes=3e9 if self.name == "head" else 1e9)
        self.turns.append((what, self.name, argument))
        assert isinstance(argument, int)
        return Answer(images=argument, seconds=argument * 0.01 * (COST[what] if self.name == "head" else 1.0))


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, object]]:
    taken: list[tuple[str, str, object]] = []

    @contextmanager
    def meter(side: Side) -> Iterator[Made]:
        yield Made(side.name, taken)

    monkeypatch.setattr(subjects, "Meter", meter)
    return taken


def test_what_costs_more_is_worse(turns: list[tuple[str, str, object]]) -> None:
    suite = Suite(name="s", budget="samples=1", backbones=["flow"], conditioners=["film"])
    found = CellSpeed(planned(), suite, None).round(BASE, HEAD, base_first=True)
    assert {name: math.exp(pair.worse) for name, pair in found.items()} == pytest.approx(
        {"training_throughput": 2.0, "sampling_throughput": 4.0, "peak_memory": 3.0}
    )
    assert {name: pair.base for name, pair in found.items()} == pytest.approx(
        {"training_throughput": 100.0, "sampling_throughput": 100.0, "peak_memory": 1e9}
    )


class Broken(Made):
    """One that does not even have its cell."""

    def listen(self) -> Answer:
        raise CannotMeasure(BASE if self.name == "base" else HEAD, "unknown backbone", absent=True)


def test_what_neither_side_can_measure_is_heads_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """As new in head it would be a note, and the check would pass."""

    @contextmanager
    def meter(side: Side) -> Iterator[Made]:
        yield Broken(side.name, [])

    monkeypatch.setattr(subjects, "Meter", meter)
    suite = Suite(name="s", budget="samples=1", backbones=["flow"], conditioners=["film"])
    with pytest.raises(CannotMeasure) as caught:
        CellSpeed(planned(), suite, None).round(BASE, HEAD, base_first=True)
    assert caught.value.side is HEAD


@pytest.mark.parametrize("base_first", [True, False])
def test_sides_take_turns_with_equal_chunks(turns: list[tuple[str, str, object]], base_first: bool) -> None:
    suite = Suite(name="s", budget="samples=1", backbones=["flow"], conditioners=["film"])
    CellSpeed(planned(), suite, None).round(BASE, HEAD, base_first=base_first)
    timed = [(name, amount) for what, name, amount in turns if what == "train"][2:]  # the first two warm up
    first, second = ("base", "head") if base_first else ("head", "base")
    assert [name for name, _ in timed] == [*([first, second, second, first] * 3), first, second]
    assert {amount for _, amount in timed} == {30}, "chunks of 0.3 s on base"


def interpreter(folder: Path, name: str, script: str) -> Side:
    """A side whose python is this script, whatever it is asked."""
    python = folder / name
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    return Side(name, str(python), {"PATH": "/usr/bin:/bin"})


def test_a_slower_start_is_worse(tmp_path: Path) -> None:
    base, head = interpreter(tmp_path, "base", "sleep 0.02"), interpreter(tmp_path, "head", "sleep 0.12")
    pair = StartUp("--help").round(base, head, base_first=True)["start_up"]
    assert pair.base >= 0.02 and pair.worse > 0


def test_a_command_that_fails_is_no_measurement(tmp_path: Path) -> None:
    base, head = interpreter(tmp_path, "base", ":"), interpreter(tmp_path, "head", "echo broken >&2; exit 3")
    with pytest.raises(CannotMeasure, match=r"`condbench list` exits with 3 \(broken\)") as caught:
        StartUp("list").round(base, head, base_first=True)
    assert caught.value.side is head
