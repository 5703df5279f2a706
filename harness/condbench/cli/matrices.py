"""A run's cells as matrices of conditioner x backbone that fit a terminal. Called by `tables`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from condbench.results import labels

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from condbench.results import CellResult
    from condbench.statistics import Interval

METRICS = ("fid", "label_accuracy")


def print_matrices(results: Sequence[CellResult], console: Console) -> None:
    """Per dataset a matrix of FID and one of label accuracy, as far as they were measured."""
    names = labels(result.provenance.cell.dataset for result in results)
    for dataset, name in names.items():
        group = [result for result in results if result.provenance.cell.dataset.identity == dataset]
        for metric in METRICS:
            if (matrix := _matrix(group, metric)) is not None:
                console.print(f"{name}: {matrix.heading}", highlight=False, markup=False)
                _print_columns(matrix, matrix.backbones, console)
    console.print("The best of each backbone is bold; - was skipped, ! did not end well.", highlight=False)
    console.print()


def _digits(value: float) -> str:
    """A number to three digits, trailing zeros too, so that a column's numbers have equal precision."""
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:#.3g}"


@dataclass(frozen=True)
class _Matrix:
    """A metric over conditioner x backbone, the mean over seeds; ``best`` is what a column's best value is."""

    heading: str
    conditioners: Sequence[str]
    backbones: Sequence[str]
    cells: dict[tuple[str, str], list[CellResult]]
    metric: str
    best: Callable[[Iterable[float]], float]

    def over(self, conditioner: str, backbone: str) -> Interval | None:
        """The metric over a pair's seeds that ended ok with a value."""
        from condbench.combinations import over_seeds_of  # here, since `condbench list` comes by and needs no numpy

        return over_seeds_of(self.cells.get((conditioner, backbone), ()), self.metric)

    def value(self, conditioner: str, backbone: str) -> float | None:
        """The same without its interval."""
        over = self.over(conditioner, backbone)
        return None if over is None else over.value

    def text(self, conditioner: str, backbone: str) -> str:
        """The value, above its interval over seeds; in one character, that it was skipped or did not end well."""
        over = self.over(conditioner, backbone)
        if over is not None:
            if over.seeds == 1 or over.low is None or over.high is None:
                return _digits(over.value)
            return f"{_digits(over.value)}\n{_digits(over.low)}-{_digits(over.high)}"
        states = {result.state for result in self.cells.get((conditioner, backbone), ())}
        return "!" if states - {"ok", "skipped"} else "-"


def _matrix(results: Sequence[CellResult], metric: str) -> _Matrix | None:
    """The matrix of a metric over one dataset's cells; None if none has it."""
    found = next((row for result in results if (row := result.metric(metric)) is not None), None)
    if found is None:
        return None
    conditioner = labels(result.provenance.cell.conditioner for result in results)
    backbone = labels(result.provenance.cell.backbone for result in results)
    cells: dict[tuple[str, str], list[CellResult]] = {}
    for result in results:
        cell = result.provenance.cell
        pair = (conditioner[cell.conditioner.identity], backbone[cell.backbone.identity])
        cells.setdefault(pair, []).append(result)
    floors = {row.value for result in results if (row := result.metric(f"{metric}_floor")) is not None}
    floor = floors.pop() if len(floors) == 1 else None
    return _Matrix(
        heading=f"{metric}, {found.better} is better{'' if floor is None else f', floor {_digits(floor)}'}",
        conditioners=list(conditioner.values()),
        backbones=list(backbone.values()),
        cells=cells,
        metric=metric,
        best=max if found.better == "higher" else min,
    )


def _print_columns(matrix: _Matrix, backbones: Sequence[str], console: Console) -> None:
    """The matrix's columns, in as many tables as the terminal's width asks for."""
    table = _draw(matrix, backbones)
    width = console.measure(table, options=console.options.update(max_width=10_000)).maximum
    if width <= console.width or len(backbones) == 1:
        console.print(table)
        console.print()
        return
    middle = (len(backbones) + 1) // 2
    for part in (backbones[:middle], backbones[middle:]):
        _print_columns(matrix, part, console)


def _draw(matrix: _Matrix, backbones: Sequence[str]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
    table.add_column("", no_wrap=True)
    for backbone in backbones:
        table.add_column(Text(backbone.replace("-", "-\n")), justify="right", vertical="bottom", no_wrap=True)
    best: dict[str, float] = {}
    for backbone in backbones:
        values = [matrix.value(conditioner, backbone) for conditioner in matrix.conditioners]
        if measured := [value for value in values if value is not None]:
            best[backbone] = matrix.best(measured)
    for conditioner in matrix.conditioners:
        texts = [
            Text(
                matrix.text(conditioner, backbone),
                style="bold green" if best.get(backbone) == matrix.value(conditioner, backbone) is not None else "",
            )
            for backbone in backbones
        ]
        table.add_row(Text(conditioner), *texts)
    return table
