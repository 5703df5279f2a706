"""A finding in words and figures, as every reporter tells it."""

from __future__ import annotations

from condbench.gate.outcome import Finding, Outcome
from condbench.statistics import Estimate

_EACH = {"rounds": "rounds", "frozen weights": "draws"}  # what typical values are over; seeds otherwise


def value(estimate: Estimate | None) -> str:
    """A typical value with its 95 % interval: ``0.832 [0.795, 0.871]``; empty if there is none."""
    if estimate is None:
        return ""
    text = f"{estimate.value:.3g}"
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{estimate.low:.3g}, {estimate.high:.3g}]"


def change(finding: Finding) -> str:
    """How far apart they are: ``x 1.28`` of a FID, ``-0.014`` of an accuracy; empty where there is nothing new."""
    if finding.base is None or finding.head is None:
        return ""
    if finding.scale == "log" and finding.base.value > 0:
        return f"x {finding.head.value / finding.base.value:.3g}"
    return f"{finding.head.value - finding.base.value:+.3g}"


def seen(finding: Finding) -> str:
    """The typical value from which on it would have been called a regression: ``1.06``; empty without a test."""
    return "" if finding.smallest is None else f"{finding.smallest:.3g}"


def figures(finding: Finding) -> list[str]:
    """All figures of a finding, a line each, for one who has nothing but this text."""
    lines = [finding.why] if finding.why else []
    each = _EACH.get(finding.stage, "seeds")
    if finding.base is not None:
        lines.append(f"baseline: {value(finding.base)} over {finding.base.seeds} {each}")
    if finding.head is not None:
        lines.append(f"now: {value(finding.head)} over {finding.head.seeds} {each} ({change(finding)})")
    if finding.smallest is not None:
        lines.append(f"seen four times out of five: {_beyond(finding)}")
    if finding.decision is not None:
        d = finding.decision
        lines.append(
            f"p that it is no worse: {d.p_no_worse:.2g}, that it is so by 5 % at most: {d.p_margin:.2g} (Holm)"
        )
    if finding.stage:
        lines.append(f"settled by: {finding.stage}")
    return lines


def sentence(finding: Finding) -> str:
    """One line: ``regressed: fid of mnist10k.flow.film is 1.31, was 0.832 (x 1.57): worse by more than 5 %``."""
    text = f"{finding.result}: {finding.metric} of {finding.cell}"
    if finding.base is not None and finding.head is not None:
        text += f" is {finding.head.value:.3g}, was {finding.base.value:.3g} ({change(finding)})"
    if finding.result == "inconclusive":
        text += "; no change would have been seen" if finding.smallest is None else f"; seen is {_beyond(finding)}"
    return f"{text}: {finding.why}" if finding.why else text


def heading(outcome: Outcome) -> str:
    """What was checked against what."""
    return f"{outcome.checked} against the baseline {outcome.baseline}"


def _beyond(finding: Finding) -> str:
    return f"{seen(finding)} or {'more' if finding.better == 'lower' else 'less'}"
