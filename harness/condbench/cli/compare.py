"""`condbench compare`: which differences hold, between two runs or within one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from condbench.combinations import Combination, Metric
    from condbench.comparing import Comparison
    from condbench.store import Run

_SIDE = "A run's directory, or RUN:COMBINATION, e.g. runs/mine:mnist10k.flow.film, or a COMBINATION of the newest run."


def compare(
    a: Annotated[str | None, typer.Argument(metavar="[A]", help=f"{_SIDE} The newest run if left out.")] = None,
    b: Annotated[str | None, typer.Argument(metavar="[B]", help="The same. Without B, A is compared within.")] = None,
    metric: Annotated[
        list[str] | None, typer.Option("--metric", "-m", metavar="NAME", help="Only this one; repeated or with commas.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with all pairs and p-values.")] = False,
) -> None:
    """Say which differences hold: of B against A by their common seeds, or between all pairs within one run."""
    from condbench.cli.comparisons import print_pairs, print_within
    from condbench.combinations import combinations
    from condbench.comparing import compare as compare_runs
    from condbench.comparing import compare_two, compare_within
    from condbench.errors import UserError

    run, one = _side(a)
    if b is None:
        if one is not None:
            raise UserError(f"'{a}' is one combination: name another to compare it with, or a run.")
        members = list(combinations(run).values())
        found = [compare_within(which, members) for which in _metrics(members, metric)]
        _check(found, f"'{run.path}' has no two combinations that")
        if as_json:
            print(json.dumps({"run": str(run.path), "metrics": [_as_json(c) for c in found]}, indent=1))
        else:
            print_within(found)
        return

    other, another = _side(b)
    if (one is None) != (another is None):
        raise UserError(f"'{a}' and '{b}' are a run and a combination: name two runs, or two combinations.")
    if one is not None and another is not None and one[0] != another[0]:
        couples = [(one[1], another[1])]
        found = [compare_two(which, *couples[0]) for which in _metrics(couples[0], metric)]
    else:
        couples = _common(run, other) if one is None or another is None else [(one[1], another[1])]
        found = [compare_runs(which, couples) for which in _metrics([c for pair in couples for c in pair], metric)]
    _check(found, f"'{a}' and '{b}' have nothing that")
    changed = _changed(couples)
    if as_json:
        print(json.dumps({"a": a, "b": b, "changed": changed, "metrics": [_as_json(c) for c in found]}, indent=1))
    else:
        print_pairs(found, f"A is {a}, B is {b}", changed)


def _side(text: str | None) -> tuple[Run, tuple[object, Combination] | None]:
    """The run, and the combination with its identity if one was named."""
    from condbench.combinations import combinations
    from condbench.errors import unknown
    from condbench.store import Run

    if text is None:
        return Run.newest(), None
    where, colon, name = text.rpartition(":")
    if not colon and ("/" in text or Path(text).exists()):
        return Run(Path(text)), None
    run = Run(Path(where)) if colon else Run.newest()
    found = {c.cell: (identity, c) for identity, c in combinations(run).items()}
    if name not in found:
        raise unknown(f"combination of run '{run.path}'", name, found, hint="A cell's name without its seed is one.")
    return run, found[name]


def _common(a: Run, b: Run) -> list[tuple[Combination, Combination]]:
    """The combinations that both runs have planned."""
    from condbench.combinations import combinations
    from condbench.errors import NotComparable

    here, there = combinations(a), combinations(b)
    if couples := [(c, there[identity]) for identity, c in here.items() if identity in there]:
        return couples
    one, other = next(iter(here.values())), next(iter(there.values()))
    raise NotComparable(
        f"'{a.path}' and '{b.path}' have no combination in common: compare two that they have, e.g. "
        f"`condbench compare {a.path}:{one.cell} {b.path}:{other.cell}`."
    )


def _metrics(members: Sequence[Combination], asked: Sequence[str] | None) -> list[Metric]:
    """The metrics asked for; otherwise the key ones, or, where none of them was measured, all with a direction."""
    from condbench.combinations import KEY_METRICS, metrics
    from condbench.errors import UserError, unknown

    measured = metrics(members)
    if not measured:
        raise UserError("no cell has ended ok with a metric yet: there is nothing to compare.")
    names = [name.strip() for text in asked or () for name in text.split(",") if name.strip()]
    for name in names:
        if name not in measured:
            raise unknown("metric with a good direction", name, measured)
    return [measured[name] for name in names or [n for n in KEY_METRICS if n in measured] or measured]


def _check(found: Sequence[Comparison], what: str) -> None:
    """That something can be said at all."""
    from condbench.errors import NotComparable

    if any(c.pairs or any(analysis.result for analysis in c.analyses) for c in found):
        return
    reasons = dict.fromkeys(left.why for comparison in found for left in comparison.left_out)
    raise NotComparable(f"{what} can be compared ({'; '.join(reasons) or 'too few have a value'}).")


def _changed(couples: Sequence[tuple[Combination, Combination]]) -> list[str]:
    """What else differs between what is compared, a sentence each: what a difference may be due to."""
    from condbench.provenance import differences

    lines: dict[str, None] = {}
    for a, b in couples:
        there = {result.provenance.cell.seed: result for result in b.results}
        for one in a.results if there else ():
            other = there.get(one.provenance.cell.seed, b.results[0])  # strangers need have no seed in common
            lines |= dict.fromkeys(differences(one.provenance, other.provenance))
    return [line for line in lines if not line.startswith("cell.seed ")]


def _as_json(comparison: Comparison) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        **asdict(comparison),
        "pairs": [{**asdict(pair), "verdict": pair.verdict} for pair in comparison.pairs],
    }
