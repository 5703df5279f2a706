"""`condbench export`: a run's tidy long table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

_FORMATS = ("csv", "json", "parquet")


def export(
    run: Annotated[Path | None, typer.Argument(help="A run's directory; the newest under runs/ if left out.")] = None,
    format: Annotated[str, typer.Option("--format", help="csv, json or parquet.")] = "csv",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to; standard output if left out or '-'.")
    ] = None,
) -> None:
    """Export a run as a tidy long table: a line per cell and metric."""
    import io
    from importlib.util import find_spec

    from condbench.errors import UserError, unknown
    from condbench.store import Run, write_atomically

    if format not in _FORMATS:
        raise unknown("export format", format, _FORMATS)
    if format == "parquet" and find_spec("pyarrow") is None:
        raise UserError(
            "parquet needs pyarrow, which is not installed: run `pip install pyarrow`, or use --format csv."
        )
    table = (Run(run) if run is not None else Run.newest()).table()
    if format == "csv":
        data = table.to_csv(index=False).encode()
    elif format == "json":
        data = (table.to_json(orient="records", indent=1, force_ascii=False) + "\n").encode()
    else:
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False)
        data = buffer.getvalue()
    if out is None or str(out) == "-":
        sys.stdout.buffer.write(data)
    elif not out.parent.is_dir():
        raise UserError(f"the folder '{out.parent}' of --out does not exist: make it first, or choose another.")
    else:
        write_atomically(out, data)
