"""Tables on standard output: drawn on a terminal, plain columns in a pipe."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from condbench.cli.matrices import METRICS, print_matrices

if TYPE_CHECKING:
    from condbench.results import CellResult

_COLUMNS = ("fid", "fid_floor", "label_accuracy", "training_seconds", "sampling_throughput", "parameters")
_LINES = 24  # about what a terminal shows: of more cells than that, a matrix says more than a line each


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table: with rules on a terminal, separated by tabs elsewhere."""
    if not sys.stdout.isatty():
        for row in [header, *rows]:
            print("\t".join(row))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*header, box=box.SIMPLE_HEAD, show_edge=False)
    table.columns[0].no_wrap = True  # names stay whole, at the cost of what explains them
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def print_summary(results: Sequence[CellResult]) -> None:
    """What became of a run's cells: a line each, or, on a terminal that could not show as many, matrices."""
    measured = any(result.metric(name) for result in results for name in METRICS)
    if sys.stdout.isatty() and measured and len(results) > _LINES:
        _print_large(results)
    else:
        _print_lines(results)


def format_value(result: CellResult, name: str) -> str:
    """A metric of a result, or a dash."""
    row = result.metric(name)
    return format_number(None if row is None else row.value)


def format_number(value: float | None) -> str:
    """A number to three digits, or a dash."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def format_part(value: float | None) -> str:
    """One of many numbers, shorter still; what is nothing stands out from what is little."""
    return f"{value:.2f}" if value and abs(value) < 10 else format_number(value)


def _print_large(results: Sequence[CellResult]) -> None:
    """The matrices, then what did not end well."""
    from rich.console import Console

    console = Console()
    print_matrices(results, console)
    if troubled := [result for result in results if result.state not in ("ok", "skipped")]:
        print_table(("cell", "state", "reason"), [(r.name, r.state, r.reason) for r in troubled])
        console.print()
    counts = Counter(result.state for result in results)
    listing = ", ".join(f"{count} {state}" for state, count in counts.most_common())
    console.print(f"{len(results)} cells: {listing}", highlight=False, markup=False)


def _print_lines(results: Sequence[CellResult]) -> None:
    """Those that ended well first, by FID; then the others with their reasons."""

    def order(result: CellResult) -> tuple[str, bool, float]:
        fid = result.metric("fid")
        value = fid.value if fid is not None else None
        return (
            result.provenance.cell.dataset.name,
            result.state != "ok",
            value if value is not None else float("inf"),
        )

    header = ("dataset", "backbone", "conditioner", "seed", "state", *(name for name in _COLUMNS), "reason")
    rows = []
    for result in sorted(results, key=order):
        cell = result.provenance.cell
        figures = [format_value(result, name) for name in _COLUMNS]
        row = (str(cell.dataset), str(cell.backbone), str(cell.conditioner), str(cell.seed), result.state)
        rows.append((*row, *figures, result.reason))
    if not any(row[-1] for row in rows):
        header, rows = header[:-1], [row[:-1] for row in rows]
    print_table(header, rows)
