"""From samples to the rows of a result: what metric plugins say of an evaluation.

Called by `cell`, `probe` and `condbench evaluate`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict

from condbench.evaluation import Evaluation, Measure, Measurement, Unavailable, evaluate
from condbench.registry import Entry, resolve
from condbench.results import MetricRow
from condbench.specs import MetricSpec


def measure(evaluation: Evaluation, metrics: Sequence[Entry[MetricSpec]]) -> list[MetricRow]:
    """A row for each metric, with its value or the reason why there is none."""
    measured = evaluate(evaluation, [(entry.qualified, _measure(entry.spec)) for entry in metrics])
    return [metric_row(entry.spec, measured[entry.qualified]) for entry in metrics]


def _measure(spec: MetricSpec) -> Measure:
    """The metric's code, imported when it is called: what goes wrong then is the metric's own too."""

    def measured(evaluation: Evaluation) -> Measurement:
        measurement: Measurement = resolve(spec.target)(evaluation)
        return measurement

    return measured


def metric_row(spec: MetricSpec, outcome: Measurement | Unavailable) -> MetricRow:
    """What a metric is, with what came of it; a value that is not finite is none."""
    row = MetricRow(name=spec.name, value=None, unit=spec.unit, better=spec.better, summary=spec.summary)
    if isinstance(outcome, Unavailable):
        return row.model_copy(update={"reason": str(outcome)})
    if not math.isfinite(outcome.value):
        return row.model_copy(update={"n": outcome.n, "reason": f"its value is {outcome.value}"})
    return row.model_copy(update=asdict(outcome))
