"""What made draws from frozen weights say: worse is settled, and other extractors are not held against each other."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from condbench.child import Child
from condbench.errors import UserError
from condbench.gate import digests, frozen
from condbench.gate.baseline import Baseline, BaselineCell, Draw, Frozen
from condbench.gate.frozen import Answer, Look, Question
from condbench.gate.outcome import Finding
from condbench.gate.reporting.words import figures
from condbench.gate.stages import FROZEN
from condbench.registry import installed
from condbench.results import PlannedCell
from tests.gate.made import WORSE, baseline_of, run_of
from tests.made_runs import Make


def draws(*, fid: float = 1.0, accuracy: float = 0.9, samples: str = "new") -> tuple[Draw, ...]:
    """Ten, with the spread of real ones."""
    noise = np.random.default_rng(0).normal(0, 0.05, 10)
    return tuple(
        Draw(values={"fid": fid * math.exp(by), "label_accuracy": accuracy + by / 10}, samples=f"{samples}{index}")
        for index, by in enumerate(noise)
    )


@pytest.fixture
def baseline(make_run: Make, tmp_path: Path) -> Baseline:
    """Of its cells only one has frozen weights."""
    known = baseline_of(run_of(make_run, tmp_path / "base"), tmp_path / "b.json")
    (tmp_path / "w.safetensors").write_bytes(b"weights")
    digest = digests.of_file(tmp_path / "w.safetensors")
    kept = Frozen(file="w.safetensors", digest=digest, images=200, draws=draws(samples="old"))
    return known.model_copy(
        update={"cells": tuple(c.model_copy(update={"frozen": kept}) if c.name == WORSE else c for c in known.cells)}
    )


def looked(
    baseline: Baseline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer, **now: object
) -> tuple[Look, dict[str, Finding]]:
    """What is found where the process that draws gives ``answer``; ``now`` is what has changed in the provenance."""
    asked: list[Question] = []

    def draw_again(questions: list[Question]) -> list[Answer]:
        asked.extend(questions)
        return [answer] * len(questions)

    def planned(cell: BaselineCell) -> PlannedCell:
        provenance = baseline.provenance(cell, 0).model_copy(update=now)
        return PlannedCell(name=f"{cell.name}.s0", provenance=provenance)

    monkeypatch.setattr(frozen, "draw_again", draw_again)
    here = {cell.identity: planned(cell) for cell in baseline.cells}
    found = frozen.look(baseline, baseline.cells, here, tmp_path, FROZEN)
    assert [(one.draws, one.images) for one in asked] == [(10, 200)]
    return found, {one.metric: one for one in found.findings}


def test_the_same_draws_leave_all_to_the_seeds(baseline: Baseline, tmp_path: Path, monkeypatch) -> None:
    found, _ = looked(baseline, tmp_path, monkeypatch, Answer(draws=draws(samples="old")))
    assert found == Look()


def test_other_draws_that_are_no_worse_leave_it_to_the_seeds(baseline: Baseline, tmp_path: Path, monkeypatch) -> None:
    found, of = looked(baseline, tmp_path, monkeypatch, Answer(draws=draws(fid=1.02)))
    assert of == {} and "give other samples" in found.notes[0]


def test_worse_draws_settle_every_metric_of_the_cell(baseline: Baseline, tmp_path: Path, monkeypatch) -> None:
    _, of = looked(baseline, tmp_path, monkeypatch, Answer(draws=draws(fid=1.5)))
    assert {name: (one.cell, one.result, one.stage) for name, one in of.items()} == {
        "fid": (WORSE, "regressed", "frozen weights"),
        "label_accuracy": (WORSE, "pass", "frozen weights"),
    }
    assert "with the same weights and noise" in of["fid"].why and of["label_accuracy"].why == ""
    assert "over 10 draws" in " ".join(figures(of["fid"]))


def test_draws_that_other_weights_measure_are_not_held_against_each_other(
    baseline: Baseline, tmp_path: Path, monkeypatch
) -> None:
    """An exchanged extractor is no regression; where the accuracy is one, FID still has its row."""
    other = {"assets": {"condbench:fid": "another extractor"}}
    _, of = looked(baseline, tmp_path, monkeypatch, Answer(draws=draws(fid=1.5)), **other)
    assert of == {}
    _, of = looked(baseline, tmp_path, monkeypatch, Answer(draws=draws(fid=1.5, accuracy=0.6)), **other)
    assert (of["fid"].result, of["label_accuracy"].result) == ("not comparable", "regressed")
    assert "the weights that fid is measured with differ" in of["fid"].why


def test_a_metric_without_values_has_its_row_where_another_is_worse(
    baseline: Baseline, tmp_path: Path, monkeypatch
) -> None:
    no_fid = tuple(
        draw.model_copy(update={"values": {"label_accuracy": draw.values["label_accuracy"]}})
        for draw in draws(accuracy=0.6)
    )
    _, of = looked(baseline, tmp_path, monkeypatch, Answer(draws=no_fid))
    assert (of["fid"].result, of["label_accuracy"].result) == ("inconclusive", "regressed")
    assert of["fid"].why == "not every draw has a value"
    _, of = looked(baseline, tmp_path, monkeypatch, Answer(draws=draws(fid=0.0, accuracy=0.6)))
    assert of["fid"].result == "inconclusive" and "not positive" in of["fid"].why


def test_a_process_that_dies_answers_all_that_was_asked(baseline: Baseline, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = baseline.cells[0]
    planned = PlannedCell(name=f"{cell.name}.s0", provenance=baseline.provenance(cell, 0))
    question = Question(planned=planned, weights="w.safetensors", draws=1, images=1)
    code = f"input(); print({Answer(error='as asked').model_dump_json()!r}, flush=True); input(); exit('killed')"
    monkeypatch.setattr(frozen, "Child", lambda command: Child([sys.executable, "-c", code]))
    assert [answer.error for answer in frozen.draw_again([question] * 3)] == [
        "as asked",
        *["the process that draws samples died (killed)"] * 2,
    ]
    assert frozen.draw_again([]) == []


def test_weights_that_an_older_baseline_needs_outlive_a_failed_recording(
    make_run: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(make_run, tmp_path / "run")
    for planned in run.plan:
        (run.cell_path(planned.name) / "model.safetensors").write_bytes(b"new")
    kept = tmp_path / "weights" / f"{WORSE}.safetensors"
    kept.parent.mkdir()
    kept.write_bytes(b"old")
    monkeypatch.setattr(frozen, "_check_unchanged", lambda *_: None)
    answers = [Answer(draws=draws())]
    monkeypatch.setattr(frozen, "draw_again", lambda asked: answers * len(asked))

    def keep() -> Baseline:
        return frozen.keep(baseline_of(run, tmp_path / "b.json"), run, installed(), kept.parent, tmp_path)

    answers[0] = Answer(error="RuntimeError: out of memory")
    with pytest.raises(UserError, match="cannot be drawn"):
        keep()
    assert kept.read_bytes() == b"old"
    answers[0] = Answer(draws=draws())
    of = {cell.name: cell.frozen for cell in keep().cells}[WORSE]
    assert kept.read_bytes() == b"new" and of is not None
    assert (of.file, of.digest) == (f"weights/{WORSE}.safetensors", digests.of_file(kept))


def test_what_cannot_be_drawn_any_more_is_a_note(baseline: Baseline, tmp_path: Path, monkeypatch) -> None:
    found, of = looked(baseline, tmp_path, monkeypatch, Answer(error="RuntimeError: size mismatch"))
    assert of == {} and "size mismatch" in found.notes[0]


def test_weights_that_are_not_there_are_a_note(baseline: Baseline, tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").unlink()
    found = frozen.look(baseline, baseline.cells, {}, tmp_path, FROZEN)
    assert found.findings == [] and "are not there" in found.notes[0]
