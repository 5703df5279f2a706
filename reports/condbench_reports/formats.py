"""Numbers, budgets and durations as people read them; `html` and `markdown` write the same."""

from __future__ import annotations

from collections.abc import Sequence

from condbench.budget import Budget
from condbench.combinations import Metric
from condbench.results import Track
from condbench.statistics import Estimate, Standing
from condbench.store import Run
from condbench_reports.combination import TIMES, Value
from condbench_reports.matrix import Section

_SI = (("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6))
_BINARY = (("TiB", 2.0**40), ("GiB", 2.0**30), ("MiB", 2.0**20), ("KiB", 2.0**10))
_TRACKS: dict[Track, tuple[str, str]] = {
    "same-backbone": ("same backbone", "conditioners add what they add"),
    "same-size": ("same size", "widths solved for the backbone's own parameters and FLOPs, within 2 %"),
}
_BYTES = frozenset({"bytes", "byte", "B"})


def number(value: float, unit: str = "") -> str:
    """Three significant digits, thousands grouped, from a million on with an SI prefix; bytes with binary ones.

    >>> number(0.04213), number(12.0345), number(1996), number(5.2e12), number(3 * 2**29, "bytes")
    ('0.0421', '12.0', '1,996', '5.20 T', '1.50 GiB')
    """
    if unit in _BYTES:
        for suffix, scale in _BINARY:
            if abs(value) >= scale:
                return f"{_digits(value / scale)} {suffix}"
        return f"{value:.0f} B"
    for suffix, scale in _SI:
        if abs(value) >= scale:
            return f"{_digits(value / scale)} {suffix}"
    return _digits(value)


def interval(value: Value, unit: str = "") -> str:
    """The interval in brackets; empty where none was measured."""
    if value.low is None or value.high is None:
        return ""
    return f"[{number(value.low, unit)}, {number(value.high, unit)}]"


def estimate(found: Estimate) -> str:
    """A value with its interval in brackets, where it has one."""
    if found.low is None or found.high is None:
        return number(found.value)
    return f"{number(found.value)} [{number(found.low)}, {number(found.high)}]"


def shown_unit(metric: Metric) -> str:
    """The unit as a heading has it beside the metric's name; bytes stand beside each number instead."""
    return "" if metric.unit in _BYTES or metric.unit == metric.name else metric.unit


def budget(limits: Budget) -> str:
    """A budget in words.

    >>> budget(Budget(flops=5e12, seconds=30))
    '5 TFLOPs or 30 s'
    """
    words = []
    if limits.flops is not None:
        words.append(f"{number(limits.flops)}{'' if limits.flops >= 1e6 else ' '}FLOPs")
    if limits.samples is not None:
        words.append(f"{number(limits.samples)} samples")
    if limits.seconds is not None:
        words.append(f"{number(limits.seconds)} s")
    return " or ".join(words)


def duration(seconds: float) -> str:
    """A length of time, in the two largest units that it fills.

    >>> duration(41.6), duration(2700), duration(8100)
    ('42 s', '45 min', '2 h 15 min')
    """
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    words = [f"{minutes // 60} h"] if minutes >= 60 else []
    words += [f"{minutes % 60} min"] if minutes % 60 else []
    return " ".join(words)


def constants(section: Section) -> str:
    """The metrics that need no column, as a sentence; empty without any."""
    words = []
    for metric, value in section.constants:
        unit = f"({shown_unit(metric)})" if shown_unit(metric) else ""
        note = f"({value.note})" if value.note else ""
        parts = (metric.name, unit, number(value.mean, metric.unit), interval(value, metric.unit), note)
        words.append(" ".join(part for part in parts if part))
    return f"{', '.join(words)} in every cell that ended ok." if words else ""


def brackets(section: Section) -> str:
    """What the intervals are of, as a sentence: a single seed's say nothing of what another training would give."""
    if section.seeds > 1:
        return (
            "Figures are typical of the seeds that ended ok, brackets their 95 % intervals over seeds; where one seed "
            "is left, or all agree, there is none."
        )
    return "Brackets are 95 % intervals over the samples of one seed; they do not tell how much seeds differ."


def unlike(section: Section) -> str:
    """Which metrics do not compare across combinations, a sentence per reason; empty without any."""
    by_reason: dict[str, list[str]] = {}
    for metric, why in section.unlike.items():
        by_reason.setdefault(why, []).append(metric)
    return " ".join(f"Do not compare {', '.join(names)} across rows: {why}." for why, names in by_reason.items())


def dominators(standing: Standing) -> str:
    """What dominates a point of a front, one by name; empty on the front."""
    found = standing.dominated_by
    return f"{found[0]}{f' and {len(found) - 1} more' if len(found) > 1 else ''}" if found else ""


def waiting(section: Section) -> str:
    """How many cells are still to run, as a sentence; empty without any."""
    count = section.waiting
    return f"{count} cell{' has' if count == 1 else 's have'} not run yet." if count else ""


def title(run: Run, parts: Sequence[Section]) -> str:
    """What the run compares, in a line."""
    backbones = {name for part in parts for name in part.backbones}
    conditioners = {name for part in parts for name in part.conditioners}
    size = f"{_count(len(backbones), 'backbone')} {TIMES} {_count(len(conditioners), 'conditioner')}"
    tracks = dict.fromkeys(_TRACKS[part.track][0] for part in parts)
    return (
        f"{run.info.suite}: {size} on {', '.join(dict.fromkeys(part.dataset for part in parts))}, {', '.join(tracks)}"
    )


def heading(section: Section, parts: Sequence[Section]) -> str:
    """What a section is called: its dataset, its budget where the run has several, and its track."""
    several = len({part.budget for part in parts}) > 1
    return ", ".join([section.dataset, *([budget(section.budget)] if several else []), _TRACKS[section.track][0]])


def track(which: Track) -> str:
    """A track in words."""
    name, meaning = _TRACKS[which]
    return f"{name}: {meaning}"


def direction(better: str) -> str:
    """Which way is good."""
    return {"lower": "lower is better", "higher": "higher is better"}.get(better, "no direction")


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _digits(value: float) -> str:
    """Whole numbers as they are, others in three digits, so that a column's numbers have equal precision."""
    return f"{value:,.0f}" if abs(value) >= 99.95 or value == int(value) else f"{value:#.3g}"
