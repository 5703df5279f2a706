"""The Markdown reporter: GitHub tables for a pull request or a readme. Called through `register`."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence

from condbench.combinations import Metric
from condbench.statistics import EFFECTS
from condbench.store import Run
from condbench_reports import conclusions, curves, formats, guidance, matrix, size
from condbench_reports.agreement import agreement
from condbench_reports.combination import Combination, Trial, Value
from condbench_reports.conclusions import Conclusions
from condbench_reports.curves import Curve, Curves
from condbench_reports.facts import facts
from condbench_reports.guidance import Guided, Sweep
from condbench_reports.matrix import Section

_NAMED = 3  # of the cells that lack a metric for one reason; the page has all of their names
_SPECIAL = re.compile(r"[\\`*|\[\]~]|(?<!\w)_|_(?!\w)")


def render(run: Run) -> str:
    """The run as Markdown: conditions, then per section a matrix per key metric, the leaderboard and the failures.

    Raises:
        UserError: if a file of the run is damaged.
    """
    parts = matrix.sections(run)
    counts = matrix.statuses(parts)
    lines = [f"# {_text(formats.title(run, parts))}", ""]
    if run.info.description:
        lines += [_text(run.info.description), ""]
    listing = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    seeds = max((part.seeds for part in parts), default=1)
    each = f", {seeds} seeds of each combination" if seeds > 1 else ""
    lines += [f"{counts.total()} cells{each}: {listing}.", ""]
    lines += [f"- {name}: {_text(value)}" for name, value in facts(run).conditions]
    for part in parts:
        lines += ["", f"## {_text(formats.heading(part, parts))}", *_section(part)]
    if (found := conclusions.conclusions(run)) is not None:
        lines += ["", "## What may be concluded", *_conclusions(found)]
    return "\n".join(lines) + "\n"


def _section(section: Section) -> Iterator[str]:
    for metric in section.key_metrics:
        yield from ("", f"### {_heading(metric)}", "")
        yield from _matrix(section, metric)
    yield from ("", "### Leaderboard", "")
    yield from _leaderboard(section)
    if section.size_metrics:
        yield from ("", "### Size")
        yield from _sizes(section)
    if (sweep := guidance.sweep(section)) is not None:
        yield from ("", "### Guidance", "")
        yield from _guidance(sweep)
    if (found := curves.curves(section)) is not None:
        yield from ("", "### Quality over compute")
        yield from _curves(found)
    yield from ("", "### Failures and skips", "")
    yield from _failures(section)


def _matrix(section: Section, metric: Metric) -> Iterator[str]:
    rows = [
        [backbone, *(_cell(section.at(backbone, conditioner), metric) for conditioner in section.conditioners)]
        for backbone in section.backbones
    ]
    yield from _table(["", *section.conditioners], rows, numbers_from=1)


def _cell(combination: Combination | None, metric: Metric) -> str:
    if combination is None:
        return "not in the plan"
    if combination.value(metric.name) is None:
        return "no value" if combination.status == "ok" else combination.status
    return _figure(combination, metric)


def _figure(combination: Combination, metric: Metric) -> str:
    value = combination.value(metric.name)
    if value is None:
        return ""
    words = [formats.number(value.mean, metric.unit), formats.interval(value, metric.unit), _note(value)]
    if value.seeds < len(combination.trials):
        words.append(f"({value.seeds} of {len(combination.trials)} seeds)")
    return " ".join(word for word in words if word)


def _leaderboard(section: Section) -> Iterator[str]:
    for sentence in (
        formats.brackets(section),
        formats.constants(section),
        formats.unlike(section),
        *agreement(section),
    ):
        if sentence:
            yield from (_text(sentence), "")
    columns = ["backbone", "conditioner", "state", *(_column(section, metric) for metric in section.columns)]
    rows = [
        [c.backbone, c.conditioner, c.status, *(_figure(c, metric) for metric in section.columns)]
        for c in section.ranked()
    ]
    yield from _table(columns, rows, numbers_from=3)


def _sizes(section: Section) -> Iterator[str]:
    def cell(combination: Combination | None, metric: Metric) -> str:
        text = _cell(combination, metric)
        more = size.added(section, combination, metric.name) if combination is not None else ""
        return f"{text} ({more})" if more else text

    for sentence in size.explanation(section):
        yield from ("", _text(sentence))
    for metric in section.size_metrics:
        rows = [
            [backbone, *(cell(section.at(backbone, conditioner), metric) for conditioner in section.conditioners)]
            for backbone in section.backbones
        ]
        yield ""
        yield from _table([_column(section, metric), *section.conditioners], rows, numbers_from=1)
    if solved := [[c.name, size.solved(c)] for c in section.combinations if size.solved(c)]:
        yield ""
        yield from _table(["combination", "solved"], solved, numbers_from=2)


def _guidance(sweep: Sweep) -> Iterator[str]:
    yield (
        "At scale 1 the condition has no more than its own weight, as in all other tables unless a cell's options say "
        "otherwise."
    )
    for metric in sweep.metrics:
        yield ""
        rows = [
            [
                row.combination.backbone,
                row.combination.conditioner,
                *(_guided(row, metric, scale) for scale in sweep.scales),
            ]
            for row in sweep.rows
        ]
        columns = [f"{metric.name} at scale {guidance.words(scale)}" for scale in sweep.scales]
        yield from _table(["backbone", "conditioner", *columns], rows, numbers_from=2)


def _guided(row: Guided, metric: Metric, scale: float) -> str:
    value = row.at(metric.name, scale)
    return "" if value is None else f"{formats.number(value.mean, metric.unit)} {_note(value)}".strip()


def _curves(found: Curves) -> Iterator[str]:
    heads = [*(f"at {share:.0%}" for share in found.shares), "in the end"]
    for metric in found.metrics:
        columns = [f"{metric.name} {head}" for head in heads]
        rows = [
            [row.combination.backbone, row.combination.conditioner, *_stops(row, metric, len(heads))]
            for row in found.rows
        ]
        yield ""
        yield from _table(["backbone", "conditioner", *columns], rows, numbers_from=2)


def _stops(row: Curve, metric: Metric, count: int) -> Iterator[str]:
    """What was measured on the way, nothing where training was too short for that many checkpoints, and the end."""
    figures = [
        "" if (value := stop.values.get(metric.name)) is None else formats.number(value.mean, metric.unit)
        for stop in row.stops
    ]
    yield from (*figures[:-1], *[""] * (count - len(figures)), figures[-1])


def _conclusions(found: Conclusions) -> Iterator[str]:
    if found.alone:
        yield from ("", conclusions.MORE_SEEDS)
    for comparison in found.ranked:
        held = sum(pair.winner is not None for pair in comparison.pairs)
        yield from ("", f"### Ranks by {comparison.metric.name}")
        if comparison.pairs:
            yield ""
            yield f"{held} of {len(comparison.pairs)} differences hold, after Holm's correction over all of them."
        for ranking in comparison.rankings:
            rows = [
                [
                    f"{rank.first}" if rank.first == rank.last else f"{rank.first} to {rank.last}",
                    rank.name,
                    formats.estimate(rank.value),
                    str(rank.value.seeds),
                    ", ".join(rank.better_than),
                ]
                for rank in ranking.ranks
            ]
            yield ""
            yield from _table(
                ["ranks", ranking.group, comparison.metric.name, "seeds", "better for sure than"], rows, 5
            )
        for sentence in comparison.not_compared:
            yield from ("", _text(sentence))
    for comparison, analysis in found.analysed:
        result = analysis.result
        assert result is not None
        yield from ("", f"### What {comparison.metric.name} is due to on {_text(analysis.dataset)}", "")
        shares = [
            [s.source, f"{s.value:.0%} [{s.low:.0%}, {s.high:.0%}]", "" if s.p is None else f"{s.p:.2g}"]
            for s in result.shares
        ]
        yield from _table(["source", "share of variance", "p"], shares, numbers_from=1)
        yield ""
        effect = f"{EFFECTS[result.scale]} against its backbones' mean"
        rows = [[e.conditioner, formats.estimate(e), str(e.backbones)] for e in result.effects]
        yield from _table(["conditioner", effect, "backbones"], rows, numbers_from=1)
        for note in (*result.notes, *([analysis.seeds.in_words] if analysis.seeds else ())):
            yield from ("", note)
    for sentence in found.untold:
        yield from ("", _text(sentence))
    for one in found.fronts:
        yield from ("", f"### Front: {one.metrics[0]} against {one.metrics[1]} on {_text(one.dataset)}", "")
        yield from (conclusions.FRONTS, "")
        rows = [[s.name, *map(formats.number, s.at), formats.dominators(s)] for s in one.standings]
        yield from _table(["combination", *one.metrics, "dominated by"], rows, numbers_from=1)


def _note(value: Value) -> str:
    return f"({value.note})" if value.note else ""


def _failures(section: Section) -> Iterator[str]:
    rows = [[t.name, t.status, t.reason] for t in section.troubled]
    rows += [[_some(gap.trials), f"no {gap.metric}", gap.reason] for gap in section.gaps]
    if waiting := formats.waiting(section):
        yield waiting
    if waiting and rows:
        yield ""
    if rows:
        yield from _table(["cell", "state", "reason"], rows, numbers_from=3)
    elif not waiting:
        yield "Every cell ended ok and every metric has a value."


def _some(trials: Sequence[Trial]) -> str:
    names = ", ".join(trial.name for trial in trials[:_NAMED])
    return names if len(trials) <= _NAMED else f"{len(trials)} cells: {names}, ..."


def _heading(metric: Metric) -> str:
    unit = formats.shown_unit(metric)
    return f"{_text(metric.name)} ({_text(unit) + ', ' if unit else ''}{formats.direction(metric.better)})"


def _column(section: Section, metric: Metric) -> str:
    count = section.count(metric.name)
    notes = [formats.shown_unit(metric), f"n {count:,}" if count is not None else ""]
    joined = ", ".join(note for note in notes if note)
    return f"{metric.name} ({joined})" if joined else metric.name


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], numbers_from: int) -> Iterator[str]:
    yield _row(columns)
    yield "|" + "|".join("---" if index < numbers_from else "---:" for index in range(len(columns))) + "|"
    for row in rows:
        yield _row(row)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(_text(cell) for cell in cells) + " |"


def _text(text: str) -> str:
    """Any text as Markdown that shows it literally, on one line."""
    one_line = " ".join(text.split())
    return _SPECIAL.sub(lambda found: "\\" + found[0], html.escape(one_line, quote=False))
