"""A run's cells as matrices of conditioner x backbone that fit a terminal. Called by `tables`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from condbench.results import labels

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from condbench.results import CellResult, MetricRow
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
    console.print(f"{_bold(results)}; - was skipped or not measured, ! did not end well.", highlight=False)
    console.print()


def _bold(results: Sequence[CellResult]) -> str:
    """What bold means, in words."""
    if len({result.provenance.cell.seed for result in results}) > 1:
        return "Bold is what may be the best of its backbone (as `condbench compare` ranks)"
    return "The best value of each backbone is bold, which with one seed may be luck"


def _digits(value: float) -> str:
    """A number to three digits, trailing zeros too, so that a column's numbers have equal precision."""
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:#.3g}"


@dataclass(frozen=True)
class _Matrix:
    """A metric over conditioner x backbone, the mean over seeds; ``best`` are the pairs that stand out."""

    heading: str
    conditioners: Sequence[str]
    backbones: Sequence[str]
    cells: dict[tuple[str, str], list[CellResult]]
    metric: str
    best: frozenset[tuple[str, str]]

    def over(self, conditioner: str, backbone: str) -> Interval | None:
        """The metric over a pair's seeds that ended ok with a value."""
        from condbench.combinations import over_seeds_of  # here, since `condbench list` comes by and needs no numpy

        return over_seeds_of(self.cells.get((conditioner, backbone), ()), self.metric)

    def text(self, conditioner: str, backbone: str) -> str:
        """The value, above its interval over seeds; or in one character that there is none, or no good end."""
        over = self.over(conditioner, backbone)
        if over is not None:
            if over.seeds == 1 or over.low is None or over.high is None:  # in a matrix brackets are over seeds
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
    floors = {
        row.value
        for result in results
        if (row := result.metric(f"{metric}_floor")) and (own := result.metric(metric)) and row.n == own.n
    }
    floor = floors.pop() if len(floors) == 1 else None
    return _Matrix(
        heading=f"{metric}, {found.better} is better{'' if floor is None else f', floor {_digits(floor)}'}",
        conditioners=list(conditioner.values()),
        backbones=list(backbone.values()),
        cells=cells,
        metric=metric,
        best=frozenset(_best(found, cells)),
    )


def _best(metric: MetricRow, cells: Mapping[tuple[str, str], Sequence[CellResult]]) -> set[tuple[str, str]]:
    """Of several seeds, what may have rank 1 among its backbone's conditioners; of one, what has the best value."""
    from condbench.combinations import Combination, Metric, over_seeds_of
    from condbench.comparing import ON_BACKBONE, rank_within

    backbones = dict.fromkeys(backbone for _, backbone in cells)
    if any(len(group) > 1 for group in cells.values()):
        members = [
            Combination("", "", backbone, conditioner, tuple(r for r in group if r.state == "ok"), 1)
            for (conditioner, backbone), group in cells.items()
        ]
        rankings = rank_within(Metric(metric.name, metric.unit, metric.better), members).rankings
        groups = {ranking.group: ranking.ranks for ranking in rankings}
        return {
            (rank.name, backbone)
            for backbone in backbones
            for rank in groups.get(f"{ON_BACKBONE} {backbone}", ())
            if rank.first == 1
        }
    choose = max if metric.better == "higher" else min
    found = {pair: over.value for pair, group in cells.items() if (over := over_seeds_of(group, metric.name))}
    return {
        choose(column, key=lambda pair: found[pair])
        for backbone in backbones
        if (column := [pair for pair in found if pair[1] == backbone])
    }


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
    for conditioner in matrix.conditioners:
        texts = [
            Text(
                matrix.text(conditioner, backbone),
                style="bold green" if (conditioner, backbone) in matrix.best else "",
            )
            for backbone in backbones
        ]
        table.add_row(Text(conditioner), *texts)
    return table
