"""Tables on standard output: drawn on a terminal, plain columns in a pipe."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from condbench.cli.matrices import METRICS, print_matrices
from condbench.results import labels

if TYPE_CHECKING:
    from condbench.results import CellResult
    from condbench.statistics import Estimate


_CHOICES = ("dataset", "backbone", "conditioner")
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


def with_interval(estimate: Estimate) -> str:
    """A number with its interval in brackets, where it has one."""
    text = format_number(estimate.value)
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{format_number(estimate.low)}, {format_number(estimate.high)}]"


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
    """Those that ended well first, by FID; then the others with their reasons. Seeds share a line."""
    grouped: dict[tuple[tuple[str, str], ...], list[CellResult]] = {}
    for result in results:
        key = tuple(getattr(result.provenance.cell, kind).identity for kind in _CHOICES)
        grouped.setdefault(key, []).append(result)
    several = any(len(group) > 1 for group in grouped.values())
    seed = "seeds" if several else "seed"
    header: tuple[str, ...] = (*_CHOICES, seed, "state", *_COLUMNS, "reason")
    called = [labels(getattr(r.provenance.cell, kind) for r in results) for kind in _CHOICES]
    rows = [
        (*(label[identity] for label, identity in zip(called, key, strict=True)), *_line(group, several=several))
        for key, group in sorted(grouped.items(), key=lambda pair: _order(pair[1]))
    ]
    if sys.stdout.isatty():  # as a column beside the figures, a reason would have no room to be read in
        # Metrics' names as words may take several lines each; their columns would be as wide as they, or be cut short.
        print_table([name.replace("_", " ") for name in header[:-1]], [row[:-1] for row in rows])
        if reasons := [(*row[:3], row[4], row[-1]) for row in rows if row[-1]]:
            print()
            print_table((*_CHOICES, "state", "reason"), reasons)
    elif any(row[-1] for row in rows):
        print_table(header, rows)
    else:
        print_table(header[:-1], [row[:-1] for row in rows])


def _order(group: Sequence[CellResult]) -> tuple[str, bool, float]:
    from condbench.combinations import over_seeds_of

    fid = over_seeds_of(group, "fid")
    name = group[0].provenance.cell.dataset.name
    return name, all(result.state != "ok" for result in group), float("inf") if fid is None else fid.value


def _line(group: Sequence[CellResult], *, several: bool) -> tuple[str, ...]:
    """What became of a combination's seeds, each figure with its interval over them; or of its only one."""
    from condbench.combinations import over_seeds_of

    states = Counter(result.state for result in group)
    state = group[0].state if len(states) == 1 else ", ".join(f"{count} {name}" for name, count in states.items())
    if several:
        found = [over_seeds_of(group, name) for name in _COLUMNS]
        figures = ["-" if over is None else with_interval(over) for over in found]
    else:
        figures = [format_value(group[0], name) for name in _COLUMNS]
    reasons = "; ".join(dict.fromkeys(result.reason for result in group if result.reason))
    seeds = str(len(group)) if several else str(group[0].provenance.cell.seed)
    return (seeds, state, *figures, reasons)
