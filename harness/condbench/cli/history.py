"""`condbench history`: how runs went over time, and where a level changed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from condbench.history import Change, Trend


def history(
    runs: Annotated[list[Path], typer.Argument(help="Runs, or folders of runs; sorted by when they were made.")],
    metric: Annotated[
        list[str] | None,
        typer.Option("-m", "--metric", metavar="NAME", help="Repeated or with commas; the key metrics if left out."),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Also put it beside the newest run, for its report.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show each cell's metrics over recorded runs, and the change points (E-divisive) among them."""
    from dataclasses import asdict

    from condbench.cli.tables import print_table
    from condbench.history import find_runs, trends
    from condbench.history import keep as keep_beside

    recorded = find_runs(runs)
    found = trends(recorded, [name.strip() for text in metric or () for name in text.split(",") if name.strip()])
    if keep:
        print(f"history: {keep_beside(recorded[-1], found)}", file=sys.stderr)
    if as_json:
        print(json.dumps([asdict(trend) for trend in found], indent=1))
        return
    print_table(("cell", "metric", "runs", "first", "newest", "changes"), [_row(trend) for trend in found])
    for trend in found:
        for why in trend.left_out:
            print(f"{trend.cell}, {trend.metric}: left out {why}", file=sys.stderr)


def _row(trend: Trend) -> tuple[str, ...]:
    values = [f"{point.value:.3g}" for point in trend.points]
    first, newest = (values[0], values[-1]) if values else ("", "")  # the newest run's own seeds may not compare
    return (
        trend.cell,
        trend.metric,
        str(len(values)),
        first,
        newest,
        "; ".join(_told(change) for change in trend.changes),
    )


def _told(change: Change) -> str:
    """``worse since nightly-12 (2025-03-01): 0.83 -> 1.1``."""
    how = "worse" if change.worse else "better"
    return f"{how} since {change.run} ({change.created[:10]}): {change.before:.3g} -> {change.after:.3g}"
