"""Markdown for a comment on a pull request, and for a step's summary: what wants attention first."""

from __future__ import annotations

import re

from condbench.gate.outcome import Finding, Outcome
from condbench.gate.reporting.words import change, heading, seen, value

_SIGNS = {
    "regressed": "\N{CROSS MARK}",
    "failed": "\N{COLLISION SYMBOL}",
    "not comparable": "\N{NO ENTRY}",
    "inconclusive": "\N{WHITE QUESTION MARK ORNAMENT}",
    "improved": "\N{SPARKLES}",
    "pass": "\N{WHITE HEAVY CHECK MARK}",
}
_SPECIAL = re.compile(r"[\\`*_{}\[\]()<>#+!|~&@$]")
_COLUMNS = ("", "cell", "metric", "baseline", "now", "change", "would have seen", "settled by", "why")


def markdown(outcome: Outcome) -> str:
    """The outcome: a headline, a table of what is not a pass, and the passes folded away."""
    passes = [finding for finding in outcome.findings if finding.result == "pass"]
    others = [finding for finding in outcome.by_urgency() if finding.result != "pass"]
    lines = [f"### condbench check: {escape(outcome.headline)}", "", escape(heading(outcome)), ""]
    if others:
        lines += [*_table(others), ""]
    if outcome.advice:
        lines += [escape(outcome.advice), ""]
    lines += _folded(f"{len(passes)} pass", _table(passes)) if passes else []
    lines += _folded(f"{len(outcome.changed)} differences from the baseline", _list(outcome.changed))
    lines += _folded(f"{len(outcome.notes)} notes", _list(outcome.notes))
    return "\n".join(lines).rstrip() + "\n"


def escape(text: str) -> str:
    """Text as it is: no markup, no link and no mention, whoever wrote it, e.g. a plugin of a fork in its error."""
    return _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", " ".join(text.split()))


def _table(findings: list[Finding]) -> list[str]:
    rows = [
        (
            _SIGNS[finding.result],
            finding.cell,
            finding.metric,
            value(finding.base),
            value(finding.head),
            change(finding),
            seen(finding),
            finding.stage,
            f"{finding.result}: {finding.why}" if finding.why else finding.result,
        )
        for finding in findings
    ]
    rule = "|---|---|---|---:|---:|---:|---:|---|---|"
    return [_line(_COLUMNS), rule, *(_line([escape(text) for text in row]) for row in rows)]


def _line(texts: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _list(texts: tuple[str, ...]) -> list[str]:
    return [f"- {escape(text)}" for text in texts]


def _folded(summary: str, lines: list[str]) -> list[str]:
    if not lines:
        return []
    return [f"<details><summary>{summary}</summary>", "", *lines, "", "</details>", ""]
