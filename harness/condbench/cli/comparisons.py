"""Comparisons in words and tables. Called by `compare`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from condbench.cli.tables import print_table, with_interval
from condbench.statistics import EFFECTS

if TYPE_CHECKING:
    from condbench.comparing import Analysis, Comparison
    from condbench.statistics import Scale

_APART: dict[Scale, str] = {"log": "B / A"}


def print_pairs(found: Sequence[Comparison], heading: str, changed: Sequence[str]) -> None:
    """B against A, a table per metric."""
    print(heading)
    print("\n".join(f"B differs: {line}" for line in changed) or "Nothing that results depend on differs.")
    for comparison in found:
        metric = comparison.metric
        print(f"\n{_heading(comparison)}")
        if comparison.pairs:
            rows = [
                (
                    pair.group,
                    with_interval(pair.of_a),
                    with_interval(pair.of_b),
                    str(pair.seeds[0]) if pair.seeds[0] == pair.seeds[1] else f"{pair.seeds[0]}, {pair.seeds[1]}",
                    with_interval(pair.difference),
                    f"{pair.difference.p:.2g}",
                    f"{pair.adjusted:.2g}",
                    with_interval(pair.improvement),
                    pair.verdict,
                )
                for pair in comparison.pairs
            ]
            apart = _APART.get(metric.scale, "B - A")
            print_table(("combination", "A", "B", "seeds", apart, "p", "p by Holm", "P(B is better)", "verdict"), rows)
        if comparison.improvement is not None:
            text = with_interval(comparison.improvement)
            print(f"Over these {len(comparison.pairs)} combinations, P(B is better) is {text}.")
        for sentence in comparison.not_compared:
            print(sentence)
    print("\nIntervals are 95 % each; a verdict holds although every combination was looked at (Holm).")


def print_within(found: Sequence[Comparison]) -> None:
    """Ranks in every group, and where the differences come from."""
    for comparison in found:
        metric = comparison.metric
        print(_heading(comparison))
        held = sum(pair.winner is not None for pair in comparison.pairs)
        if comparison.pairs:
            print(f"{held} of {len(comparison.pairs)} differences hold (Holm's correction over all of them).")
        for ranking in comparison.rankings:
            print()
            print_table(
                ("ranks", ranking.group, f"{metric.name} [95 %]", "seeds", "better for sure than"),
                [
                    (
                        f"{rank.first}" if rank.first == rank.last else f"{rank.first}-{rank.last}",
                        rank.name,
                        with_interval(rank.value),
                        str(rank.value.seeds),
                        ", ".join(rank.better_than),
                    )
                    for rank in ranking.ranks
                ],
            )
        for sentence in comparison.not_compared:
            print(sentence)
        for analysis in comparison.analyses:
            _print_analysis(comparison, analysis)
        print()


def _heading(comparison: Comparison) -> str:
    metric = comparison.metric
    unit = f"{metric.unit}, " if metric.unit else ""
    return f"{metric.name} ({unit}{metric.better} is better)"


def _print_analysis(comparison: Comparison, analysis: Analysis) -> None:
    """The shares of variance, and what each conditioner changes."""
    name, result = comparison.metric.name, analysis.result
    for sentence in (*([analysis.seeds.in_words] if analysis.seeds else ()), *analysis.untold(comparison.metric)):
        print(f"\n{sentence}")
    if result is None:
        return
    scale = "" if comparison.metric.scale == "identity" else f"{comparison.metric.scale} "
    print()
    print(f"What {scale}{name} is due to on {analysis.dataset} ({result.trainings} trainings, {result.cells} cells):")
    print_table(
        ("source", "share of variance [95 %]", "p"),
        [(s.source, with_interval(s), "" if s.p is None else f"{s.p:.2g}") for s in result.shares],
    )
    for note in result.notes:
        print(note)
    if result.effects:
        print()
        print_table(
            ("conditioner", f"{EFFECTS[result.scale]} of {name} against its backbones' mean [95 %]", "backbones"),
            [(effect.conditioner, with_interval(effect), str(effect.backbones)) for effect in result.effects],
        )
