"""A run's cells, and every conditioner against one of them over the backbones that both work with: Markdown tables.

    python benchmarks/head_to_head.py RUN [--against film]

The first table has FID as a multiple of its floor, and label accuracy, with the least FID of each backbone in bold. In
the second, backbones are what varies: the question is how a conditioner does on families in general. FID is compared by
ratios, label accuracy by differences; paired t-intervals, and Holm's correction over all conditioners of a metric.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from condbench.combinations import Combination, combinations, over_seeds_of
from condbench.errors import UserError, unknown
from condbench.specs import Better
from condbench.statistics.comparison import Difference, holm, paired
from condbench.statistics.scales import Scale
from condbench.store import Run

_MINUS = "\N{MINUS SIGN}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--against", default="film", help="the conditioner that all others are compared with")
    arguments = parser.parse_args()
    try:
        run = Run(arguments.run)
        names = {one.conditioner for one in combinations(run).values()}
        if arguments.against not in names:
            raise unknown("conditioner", arguments.against, names)
    except UserError as error:
        parser.error(str(error))
    _print_cells(run)
    columns = [
        _column(run, arguments.against, "fid", "log", "lower", ".2f"),
        _column(run, arguments.against, "label_accuracy", "identity", "higher", "+.3f"),
    ]
    print(f"| conditioner | backbones | FID, times that of {arguments.against} | better on | p (Holm) |", end="")
    print(f" label accuracy, less that of {arguments.against} | better on | p (Holm) |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    both = [name for name in columns[0] if name in columns[1]]
    for name in sorted(both, key=lambda name: columns[0][name][1]):
        print(f"| {name} | {columns[0][name][0]} | " + " | ".join(column[name][2] for column in columns) + " |")


def _print_cells(run: Run) -> None:
    """Backbones by conditioners, with the cells that have all three figures, FID and its floor at one count."""
    fid, floor, accuracy = (_values(run, metric) for metric in ("fid", "fid_floor", "label_accuracy"))
    alike = {_pair(one) for one in combinations(run).values() if len(_counts(one, "fid", "fid_floor")) == 1}
    fid = {pair: value for pair, value in fid.items() if pair in floor and pair in accuracy and pair in alike}
    names = list(dict.fromkeys(conditioner for _, conditioner in fid))
    alone = len({one.dataset for one in combinations(run).values()}) == 1  # then no row needs to name the dataset
    print("| | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|")
    for backbone in dict.fromkeys(backbone for backbone, _ in fid):
        best = min((name for name in names if (backbone, name) in fid), key=lambda name: fid[backbone, name])
        entries = []
        for name in names:
            key = backbone, name
            text = f"{fid[key] / floor[key]:.1f} / {accuracy[key]:.3f}" if key in fid else ""
            entries.append(f"**{text}**" if name == best else text)
        row = backbone.rpartition(" on ")[0] if alone else backbone
        print(f"| {row} | " + " | ".join(entries) + " |")
    print()


def _column(
    run: Run, against: str, metric: str, scale: Scale, better: Better, form: str
) -> dict[str, tuple[int, float, str]]:
    """By conditioner: how many backbones both work with, the difference, and a table's entries in words."""
    values = _values(run, metric)
    reference = {backbone: value for (backbone, conditioner), value in values.items() if conditioner == against}
    found: dict[str, tuple[Difference, int, int]] = {}
    for name in dict.fromkeys(conditioner for _, conditioner in values):
        backbones = [backbone for backbone in reference if (backbone, name) in values]
        if name == against or len(backbones) < 2:
            continue
        pairs = [(reference[backbone], values[backbone, name]) for backbone in backbones]
        wins = sum(other < own if better == "lower" else other > own for own, other in pairs)
        found[name] = paired([a for a, _ in pairs], [b for _, b in pairs], scale), wins, len(pairs)
    adjusted = dict(zip(found, holm([difference.p for difference, _, _ in found.values()]), strict=True))
    return {
        name: (count, difference.value, f"{_words(difference, form)} | {wins} | {adjusted[name]:.2g}")
        for name, (difference, wins, count) in found.items()
    }


def _values(run: Run, metric: str) -> dict[tuple[str, str], float]:
    """The metric by backbone (on its dataset) and conditioner, the typical value over seeds."""
    found = {}
    for one in combinations(run).values():
        if (value := over_seeds_of(one.results, metric)) is not None:
            found[_pair(one)] = value.value
    return found


def _pair(one: Combination) -> tuple[str, str]:
    return f"{one.backbone} on {one.dataset}", one.conditioner


def _counts(one: Combination, *metrics: str) -> set[int | None]:
    """The sample counts behind some metrics."""
    return {row.n for metric in metrics for row in one.rows(metric).values()}


def _words(difference: Difference, form: str) -> str:
    """The difference with its interval, where there is one."""
    text = format(difference.value, form)
    if difference.low is not None and difference.high is not None:
        text += f" [{difference.low:{form}}, {difference.high:{form}}]"
    return text.replace("-", _MINUS)


if __name__ == "__main__":
    main()
