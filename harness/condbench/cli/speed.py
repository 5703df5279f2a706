"""What `condbench check --speed` does: both sides built, their cells planned, measured in turns."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from condbench.gate.outcome import Outcome

_SUITE = "speed"


def check_speed(base: str, head: str, suite: str | None, data_root: Path | None, within: str) -> Outcome:
    """Is head slower than base?

    Args:
        base: a git revision of the project in the current directory, a distribution's file, or a requirement.
        head: the same, or a folder.
        suite: whose cells; that of the name speed if left out.
        data_root: where data are that do not ship.
        within: the time for measuring, e.g. 30m.

    Raises:
        UserError: if a side is not to be found, or there is nothing to measure.
        NotComparable: if a side cannot be built, or base has none of the cells.
    """
    from condbench.allotment import parse_duration
    from condbench.cli.installed import installed
    from condbench.errors import NotComparable, UserError
    from condbench.gate.outcome import Outcome
    from condbench.gate.speed.environment import environment
    from condbench.gate.speed.rounds import interleave
    from condbench.gate.speed.sources import source
    from condbench.gate.speed.subjects import CellSpeed, StartUp, Subject
    from condbench.matrix import plan
    from condbench.suite import changed, load_suite

    seconds = parse_duration(within)
    before, now = source(base, Path()), source(head, Path())
    chosen = changed(load_suite(suite or _SUITE), {"seeds": 1, "track": "same-backbone"})
    registry = installed()
    cells = plan(chosen, registry, data_root)
    planned = [cell for cell in cells if not cell.skip]
    if not planned:
        raise UserError(f"all cells of the suite '{chosen.name}' are skipped: name one whose pairs fit.")
    sides = []
    for name, what in (("base", before), ("head", now)):
        _say(f"{name}: {what.label}")
        sides.append(environment(name, what))
    subjects: list[Subject] = [StartUp("--help"), StartUp("list")]
    subjects += [CellSpeed(cell, chosen, data_root) for cell in planned]
    notes = [f"nothing of the plugin {one} is measured, since it is broken: {one.error}" for one in registry.broken]
    notes += [
        f"{cell.name.rpartition('.')[0]} is skipped, and so not measured: {cell.skip}" for cell in cells if cell.skip
    ]
    findings = interleave(subjects, *sides, seconds=seconds, say=_say, note=notes.append)
    if {cell.name.rpartition(".")[0] for cell in planned}.isdisjoint(finding.cell for finding in findings):
        raise NotComparable(
            f"the base '{before.label}' has none of the cells of the suite '{chosen.name}' ({notes[-1]}): name a suite "
            "or a base, so that both sides have some."
        )
    return Outcome(before.label, f"head {now.label}", tuple(findings), notes=tuple(notes))


def _say(text: str) -> None:
    print(text, file=sys.stderr)
