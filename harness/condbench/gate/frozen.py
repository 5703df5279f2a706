"""Samples from frozen weights, with fixed noise and labels: what a network, sampler or metric computes, in seconds.

A baseline may keep one seed's weights per cell, with what ten draws from them measured. Drawing again from the same
noise gives the same bits where none of these has changed; otherwise the draws are tested like seeds.
Weights say nothing of training. Torch is in the process that draws (`condbench.gate.drawing`), not here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from condbench.child import Child, NoAnswer
from condbench.combinations import Identity
from condbench.errors import NotComparable, UserError
from condbench.gate import digests
from condbench.gate.baseline import Baseline, BaselineCell, Draw, Frozen, gated
from condbench.gate.comparability import changed, obstacle
from condbench.gate.decision import Errors
from condbench.gate.judging import Judgement, Trial
from condbench.gate.outcome import Finding
from condbench.matrix import current_provenance
from condbench.registry import Registry
from condbench.results import PlannedCell, Provenance, Record
from condbench.store import Run, write_atomically

DRAWS, IMAGES = 10, 200
"""As many draws as a baseline has seeds, so that the same test suits them; a FID needs some 100 images at least."""


class Question(Record):
    """What to draw: a cell, the file of its weights, how many draws of how many images."""

    planned: PlannedCell
    weights: str
    draws: int
    images: int


class Answer(Record):
    """What came of it, or why nothing did."""

    draws: tuple[Draw, ...] = ()
    error: str = ""


def draw_again(questions: Sequence[Question]) -> list[Answer]:
    """Ask a process of its own; where it dies or takes too long, what it has not answered has that as its error."""
    answers: list[Answer] = []
    if not questions:
        return answers
    with Child([sys.executable, "-m", "condbench.gate.drawing"]) as child:
        for question in questions:
            child.write(question.model_dump_json())
            try:
                line = child.read(question.planned.provenance.settings.timeout_seconds)
            except NoAnswer as how:
                why = f"the process that draws samples {how}"
                return answers + [Answer(error=why)] * (len(questions) - len(answers))
            answers.append(Answer.model_validate_json(line))
    return answers


def keep(baseline: Baseline, run: Run, registry: Registry, folder: Path, beside: Path) -> Baseline:
    """Draw from the weights of each cell's first seed what later draws are held against, and copy them into ``folder``.

    Nothing there is touched before all draws are there: an older baseline may need what it holds.

    Args:
        baseline: made from ``run``.
        run: where the weights are.
        registry: the installed plugins, which must be those that the run was made with.
        folder: made if it is not there.
        beside: the folder of the baseline's file, which names the weights from there.

    Raises:
        UserError: if weights are missing, or something has changed since the run.
    """
    first = [(cell, run.planned(f"{cell.name}.s{cell.seeds[0].seed}")) for cell in baseline.cells]
    for cell, planned in first:
        _check_unchanged(run, planned, registry)
        if not cell.seeds[0].weights:
            raise UserError(f"the cell '{planned.name}' has no weights to keep: leave out --with-checkpoints.")
    trained = [run.cell_path(planned.name) / "model.safetensors" for _, planned in first]
    answers = draw_again(
        [
            Question(planned=_gated(planned), weights=str(weights), draws=DRAWS, images=IMAGES)
            for (_, planned), weights in zip(first, trained, strict=True)
        ]
    )
    for (cell, _), answer in zip(first, answers, strict=True):
        if answer.error:
            raise UserError(f"samples of '{cell.name}' cannot be drawn ({answer.error}): leave out --with-checkpoints.")
    folder.mkdir(parents=True, exist_ok=True)
    cells = []
    for (cell, _), weights, answer in zip(first, trained, answers, strict=True):
        kept = folder / f"{cell.name}.safetensors"
        write_atomically(kept, weights.read_bytes())
        frozen = Frozen(
            file=Path(os.path.relpath(kept, beside)).as_posix(),
            digest=digests.of_file(kept),
            images=IMAGES,
            draws=answer.draws,
        )
        cells.append(cell.model_copy(update={"frozen": frozen}))
    return baseline.model_copy(update={"cells": tuple(cells)})


@dataclass
class Look:
    """What the draws say: findings of cells that sample worse from the same weights, and what else is to be known."""

    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def look(
    baseline: Baseline,
    cells: Sequence[BaselineCell],
    planned: Mapping[Identity, PlannedCell],
    beside: Path,
    errors: Errors,
) -> Look:
    """Draw again from the weights of ``cells``; a cell is settled if it regressed, and else left to its seeds.

    Raises:
        NotComparable: if a file of weights is not the one that the baseline was made with.
    """
    found, asked = Look(), []
    for cell in cells:
        if cell.frozen is None:
            continue
        weights = beside / cell.frozen.file
        if not weights.is_file():
            found.notes.append(f"{cell.name}: its frozen weights are not there ({weights}), so they were not looked at")
            continue
        if digests.of_file(weights) != cell.frozen.digest:
            raise NotComparable(
                f"the weights '{weights}' are not those that the baseline was recorded with: restore them, or record "
                "the baseline anew."
            )
        question = Question(
            planned=_gated(planned[cell.identity]),
            weights=str(weights),
            draws=len(cell.frozen.draws),
            images=cell.frozen.images,
        )
        asked.append((cell, cell.frozen, question))
    judgement = Judgement()
    for (cell, frozen, question), answer in zip(asked, draw_again([question for *_, question in asked]), strict=True):
        if answer.error:
            found.notes.append(f"{cell.name}: nothing can be drawn from its frozen weights any more ({answer.error})")
        elif answer.draws != frozen.draws:
            found.notes.append(f"{cell.name}: the same weights and noise give other samples or measures")
            _judge(judgement, baseline, cell, frozen, question.planned.provenance, answer)
    tested = judgement.findings(errors)
    worse = {finding.cell for finding in tested if finding.result == "regressed"}
    why = "with the same weights and noise, so its network, its sampler or a metric has changed"
    found.findings = [
        replace(finding, why=f"{finding.why}: {why}") if finding.result == "regressed" else finding
        for finding in tested
        if finding.cell in worse
    ]
    return found


def _judge(
    found: Judgement, baseline: Baseline, cell: BaselineCell, frozen: Frozen, now: Provenance, answer: Answer
) -> None:
    """Put each metric of a cell among what is to be tested, if every draw of both sides has a value on its scale.

    What is not tested is settled here only so that a cell of which another metric is worse has all its findings.
    """
    for metric in baseline.metrics:
        if metric.name not in cell.seeds[0].values:
            continue
        base, head = (
            tuple(draw.values[metric.name] for draw in draws if metric.name in draw.values)
            for draws in (frozen.draws, answer.draws)
        )
        if why := obstacle(baseline.provenance(cell, 0), now, metric.name):
            found.settled.append(Finding(cell.name, metric.name, "not comparable", "", why))
        elif len(base) == len(head) == len(frozen.draws):
            trial = Trial(cell.name, metric, base, head, "frozen weights", frozen.images, len(base))
            try:
                found.open.append((trial, trial.evidence()))
            except ValueError as reason:
                found.settled.append(_untold(cell, metric.name, str(reason)))
        else:
            found.settled.append(_untold(cell, metric.name, "not every draw has a value"))


def _untold(cell: BaselineCell, metric: str, why: str) -> Finding:
    return Finding(cell.name, metric, "inconclusive", "frozen weights", why)


def _check_unchanged(run: Run, planned: PlannedCell, registry: Registry) -> None:
    """What is drawn now must be what the run's revision draws.

    Raises:
        UserError: if something has changed since the run.
    """
    root = None if planned.data_root is None else Path(planned.data_root)
    old = gated(planned.provenance)
    if differs := changed(old, current_provenance(planned.cell, old.settings, registry, root)):
        raise UserError(
            f"something has changed since '{run.path}' was made ({differs[0]}), so its samples cannot be drawn again: "
            "run it anew, or leave out --with-checkpoints."
        )


def _gated(planned: PlannedCell) -> PlannedCell:
    return planned.model_copy(update={"provenance": gated(planned.provenance)})
