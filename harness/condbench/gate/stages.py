"""The stages of a check, the cheapest first: what has not changed, frozen weights, seeds trained again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from condbench.gate.baseline import Baseline, gated
from condbench.gate.comparability import changed
from condbench.gate.decision import Errors
from condbench.gate.frozen import look
from condbench.gate.judging import heads, judge
from condbench.gate.outcome import Outcome
from condbench.gate.planning import Planned, once, unknown
from condbench.gate.retraining import Workshop, retrain
from condbench.results import PlannedCell
from condbench.store import Run

FROZEN, TRAINED = Errors().part(0.1), Errors().part(0.9)
"""How the error is shared out: what frozen weights show is large, so that a tenth of it is enough there."""


def check_run(baseline: Baseline, name: str, run: Run) -> Outcome:
    """A run as it is against the baseline called ``name``; every cell of the baseline must be in it.

    A run that was stopped is judged by what it has, and that is noted.
    """
    found = heads(run)
    differs = [
        changed(baseline.provenance(cell, result.provenance.cell.seed), gated(result.provenance))
        for cell in baseline.cells
        if cell.identity in found
        for result in found[cell.identity].results
    ]
    findings = judge(baseline, found, baseline.cells).findings(Errors())
    notes = unknown(baseline, found)
    if open_ := sum(run.result(planned.name) is None for planned in run.plan):
        notes += (f"{open_} of the run's {len(run.plan)} cells have no result yet, and so have no part in this",)
    return Outcome(name, str(run.path), tuple(findings), once(differs), notes)


def check_anew(
    planned: Planned, baseline: Path, open_workshop: Callable[[list[PlannedCell]], Workshop], say: Callable[[str], None]
) -> Outcome:
    """What is planned, taken only as far as it takes to tell.

    Args:
        planned: the cells, with those settled that have not changed.
        baseline: its file, beside which frozen weights are.
        open_workshop: makes the run that trains the first seed of some cells; not called if none are left to train.
        say: told what happens.

    Raises:
        NotComparable: if frozen weights are not those of the baseline.
    """
    findings, notes, checked = [*planned.findings], [*planned.notes], "this environment"
    if any(cell.frozen for cell in planned.todo):
        say(f"drawing samples from the frozen weights of {sum(bool(cell.frozen) for cell in planned.todo)} cells")
    seen = look(planned.baseline, planned.todo, planned.now, baseline.parent, FROZEN)
    findings += seen.findings
    notes += seen.notes
    settled = {finding.cell for finding in seen.findings}
    if todo := [cell for cell in planned.todo if cell.name not in settled]:
        workshop = open_workshop([planned.now[cell.identity] for cell in todo])
        judgement, warnings = retrain(planned.baseline, todo, planned.now, workshop)
        findings += judgement.findings(TRAINED)
        notes += warnings
        checked = str(workshop.run.path)
    ordered = tuple(sorted(findings, key=lambda finding: (finding.cell, finding.metric)))
    return Outcome(str(baseline), checked, ordered, planned.changed, tuple(notes))
