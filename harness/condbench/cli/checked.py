"""An outcome in a table, what wants attention first. Called by `check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condbench.cli.tables import print_table

if TYPE_CHECKING:
    from condbench.gate.outcome import Outcome


def print_outcome(outcome: Outcome) -> None:
    """The table, what differs from the baseline, and what to do."""
    from condbench.gate.reporting.words import change, heading, seen, value

    print(heading(outcome))
    for line in outcome.changed:
        print(f"differs: {line}")
    for line in outcome.notes:
        print(f"note: {line}")
    print()
    print_table(
        ("cell", "metric", "result", "baseline", "now", "change", "would have seen", "settled by", "why"),
        [
            (
                finding.cell,
                finding.metric,
                finding.result,
                value(finding.base),
                value(finding.head),
                change(finding),
                seen(finding),
                finding.stage,
                finding.why,
            )
            for finding in outcome.by_urgency()
        ],
    )
    print(f"\n{outcome.headline}")
    if outcome.advice:
        print(outcome.advice)
