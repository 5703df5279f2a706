"""`condbench report`: render a run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from condbench.registry import Registry
    from condbench.store import Run


def report(
    run: Annotated[Path | None, typer.Argument(help="A run's directory; the newest under runs/ if left out.")] = None,
    format: Annotated[str, typer.Option("--format", help="html, md, csv, or what plugins add.")] = "html",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to; '-' prints. In the run if left out.")
    ] = None,
) -> None:
    """Render a run's comparison of every backbone with every conditioner."""
    from condbench.cli.installed import installed
    from condbench.store import Run

    opened = Run(run) if run is not None else Run.newest()
    written = write_report(opened, installed(), format, out)
    if written is not None:
        print(f"report: {written}", file=sys.stderr)


def write_report(run: Run, registry: Registry, format: str, out: Path | None) -> Path | None:
    """Render ``run`` into a file, or onto standard output for ``-``; returns the file."""
    from condbench.errors import UserError
    from condbench.registry import resolve
    from condbench.store import write_atomically

    entry = registry.reporters.get(format)
    with entry.blamed(entry.spec.target):
        text: object = resolve(entry.spec.target)(run)
        if not isinstance(text, str):
            raise TypeError(f"it returned {type(text).__name__}, not text")
    if out is not None and str(out) == "-":
        sys.stdout.write(text)
        return None
    path = out or run.path / f"report{entry.spec.suffix}"
    if not path.parent.is_dir():
        raise UserError(f"the folder '{path.parent}' of --out does not exist: make it first, or choose another.")
    write_atomically(path, text)
    return path
