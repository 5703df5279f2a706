"""Numbers, budgets and durations as people read them; `html` and `markdown` write the same."""

from __future__ import annotations

from collections.abc import Sequence

from condbench.budget import Budget
from condbench_reports.matrix import Metric, Section, Value

_SI = (("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6))
_BINARY = (("TiB", 2.0**40), ("GiB", 2.0**30), ("MiB", 2.0**20), ("KiB", 2.0**10))
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


def constants(section: Section) -> str:
    """The metrics that need no column, as a sentence; empty without any."""
    words = []
    for metric, value in section.constants:
        unit = f"({shown_unit(metric)})" if shown_unit(metric) else ""
        parts = (metric.name, unit, number(value.mean, metric.unit), interval(value, metric.unit))
        words.append(" ".join(part for part in parts if part))
    return f"{', '.join(words)} in every cell that ended ok." if words else ""


def waiting(section: Section) -> str:
    """How many cells are still to run, as a sentence; empty without any."""
    count = section.waiting
    return f"{count} cell{' has' if count == 1 else 's have'} not run yet." if count else ""


def heading(section: Section, parts: Sequence[Section]) -> str:
    """What a section is called: its dataset, and its budget where the run has several."""
    if len({part.budget for part in parts}) == 1:
        return section.dataset
    return f"{section.dataset}, {budget(section.budget)}"


def direction(better: str) -> str:
    """Which way is good."""
    return {"lower": "lower is better", "higher": "higher is better"}.get(better, "no direction")


def _digits(value: float) -> str:
    """Whole numbers as they are, others in three digits, so that a column's numbers have equal precision."""
    return f"{value:,.0f}" if abs(value) >= 99.95 or value == int(value) else f"{value:#.3g}"
