"""How large combinations are, and what a conditioner adds to its backbone. Called by `html` and `markdown`."""

from __future__ import annotations

from collections.abc import Iterator

from condbench_reports.combination import TIMES, Combination
from condbench_reports.matrix import Section

MINUS = "\N{MINUS SIGN}"

_NOTHING = "none"  # the conditioner that adds nothing, and so what the others are measured against
_ONE_PER_LABEL = "label-sampling"


def added(section: Section, combination: Combination, metric: str) -> str:
    """What the conditioner adds to the cell with ``none`` of the same backbone: ``+12 %``, or ``x10`` from twice on.

    Empty for ``none`` itself, and where one of the two has no value.
    """
    bare = section.at(combination.backbone, _NOTHING)
    if bare is None or bare is combination:
        return ""
    whole, base = combination.value(metric), bare.value(metric)
    if whole is None or base is None or base.mean <= 0:
        return ""
    return _ratio(whole.mean / base.mean)


def solved(combination: Combination) -> str:
    """The options that the track same-size has solved for, as ``width=44, depth=3``; empty in the other track."""
    cell = combination.trials[0].planned.cell
    options = {**cell.backbone.sized, **cell.conditioner.sized}
    return ", ".join(f"{name}={value}" for name, value in options.items())


def explanation(section: Section) -> Iterator[str]:
    """What a reader must know to compare the sizes, in sentences."""
    if any(added(section, c, metric.name) for c in section.combinations for metric in section.size_metrics):
        yield f"Differences are from the cell with {_NOTHING} of the same backbone."
    if section.track == "same-size":
        yield "Widths are solved so that parameters and FLOPs are those of the backbone alone, within 2 %."
    for combination in section.combinations:
        if combination.conditioner == _ONE_PER_LABEL and combination.finished:
            models = len(combination.finished[0].labels)
            yield (
                f"{_ONE_PER_LABEL} is {f'{models} models' if models else 'several models'}, one per label, that share "
                "one budget: its parameters are those of all of them, its FLOPs per image those of one."
            )
            return


def _ratio(ratio: float) -> str:
    if ratio >= 2:
        return f"{TIMES}{ratio:.1f}".removesuffix(".0")
    percent = round(100 * (ratio - 1), 1) + 0.0  # not -0.0
    digits = 1 if abs(percent) < 10 else 0
    return f"{percent:+.{digits}f}".removesuffix(".0").replace("-", MINUS) + " %"
