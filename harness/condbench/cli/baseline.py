"""`condbench baseline`: what a known-good revision measured, kept to check later ones against."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

baseline = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@baseline.callback()
def _group() -> None:
    """Baselines for `condbench check`."""


@baseline.command()
def record(
    run: Annotated[Path, typer.Argument(help="The run's directory; every combination needs ten seeds.")],
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", dir_okay=False, help="The baseline's file, e.g. benchmarks/baselines/small.json."),
    ],
    seeds_at_least: Annotated[
        int | None,
        typer.Option(metavar="N", min=2, help="Be content with fewer seeds: only large changes are seen then."),
    ] = None,
    with_checkpoints: Annotated[
        Path | None,
        typer.Option(metavar="DIR", file_okay=False, help="Also keep one seed's weights per cell, to draw from again."),
    ] = None,
) -> None:
    """Record a run's values per cell and seed, and all that they depend on, as a file to review and commit."""
    from condbench.cli.installed import installed
    from condbench.errors import UserError
    from condbench.gate.baseline import write_baseline
    from condbench.gate.recording import SEEDS
    from condbench.gate.recording import record as record_run
    from condbench.store import Run

    if not out.parent.is_dir():
        raise UserError(f"the folder '{out.parent}' of --out does not exist: make it first, or choose another.")
    opened = Run(run)
    found = record_run(opened, seeds_at_least or SEEDS)
    if with_checkpoints is not None:
        from condbench.gate.frozen import keep

        found = keep(found, opened, installed(), with_checkpoints, out.parent)
    write_baseline(out, found)
    for cell in found.cells:
        planned = sum(line.name.rpartition(".s")[0] == cell.name for line in opened.plan)
        if left_out := planned - len(cell.seeds):
            print(
                f"note: {cell.name} is recorded without {left_out} of its {planned} seeds, which did not end ok or "
                "lack a value; a check of which a seed ends so says that the cell failed",
                file=sys.stderr,
            )
        for metric in found.metrics:
            if metric.name not in cell.seeds[0].values:
                print(f"note: {cell.name} has no {metric.name}, so no check will look at it there", file=sys.stderr)
    seeds = {len(cell.seeds) for cell in found.cells}
    names = ", ".join(metric.name for metric in found.metrics)
    print(
        f"{len(found.cells)} cells, {'-'.join(map(str, sorted({min(seeds), max(seeds)})))} seeds each, {names}: {out}",
        file=sys.stderr,
    )
