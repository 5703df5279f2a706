"""A run's cells, and every conditioner against one of them over the backbones that both work with: Markdown tables.

    python benchmarks/head_to_head.py RUN [--against film]

The first table has FID as a multiple of its floor, and label accuracy, with the least FID of each backbone in bold. In
the second, backbones are what varies: the question is how a conditioner does on families in general. FID is compared by
ratios, label accuracy by differences; paired t-intervals, and Holm's correction over all conditioners of a metric.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from condbench.combinations import combinations, over_seeds_of
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
    run = Run(arguments.run)
    _print_cells(run)
    columns = [
        _column(run, arguments.against, "fid", "log", "lower", _ratio),
        _column(run, arguments.against, "label_accuracy", "identity", "higher", _points),
    ]
    print(f"| conditioner | backbones | FID, times that of {arguments.against} | better on | p (Holm) |", end="")
    print(f" label accuracy, less that of {arguments.against} | better on | p (Holm) |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for name in sorted(columns[0], key=lambda name: columns[0][name][1]):
        print(f"| {name} | {columns[0][name][0]} | " + " | ".join(column[name][2] for column in columns) + " |")


def _print_cells(run: Run) -> None:
    """Backbones by conditioners, with the cells that ended ok."""
    fid, floor, accuracy = (_values(run, metric) for metric in ("fid", "fid_floor", "label_accuracy"))
    names = list(dict.fromkeys(conditioner for _, conditioner in fid))
    print("| | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|")
    for backbone in dict.fromkeys(backbone for backbone, _ in fid):
        best = min((name for name in names if (backbone, name) in fid), key=lambda name: fid[backbone, name])
        entries = []
        for name in names:
            key = backbone, name
            text = f"{fid[key] / floor[key]:.1f} / {accuracy[key]:.3f}" if key in fid else ""
            entries.append(f"**{text}**" if name == best else text)
        print(f"| {backbone} | " + " | ".join(entries) + " |")
    print()


def _column(
    run: Run, against: str, metric: str, scale: Scale, better: Better, words: Callable[[Difference], str]
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
        name: (count, difference.value, f"{words(difference)} | {wins} | {adjusted[name]:.2g}")
        for name, (difference, wins, count) in found.items()
    }


def _values(run: Run, metric: str) -> dict[tuple[str, str], float]:
    """The metric by backbone (on its dataset) and conditioner, the typical value over seeds."""
    found = {}
    for one in combinations(run).values():
        if (value := over_seeds_of(one.results, metric)) is not None:
            found[f"{one.backbone} on {one.dataset}", one.conditioner] = value.value
    return found


def _ratio(difference: Difference) -> str:
    return f"{difference.value:.2f} [{difference.low:.2f}, {difference.high:.2f}]"


def _points(difference: Difference) -> str:
    low, high = difference.low or 0.0, difference.high or 0.0
    return f"{difference.value:+.3f} [{low:+.3f}, {high:+.3f}]".replace("-", _MINUS)


if __name__ == "__main__":
    main()
