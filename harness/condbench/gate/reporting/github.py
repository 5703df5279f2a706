"""GitHub Actions: an annotation per finding that wants attention, as workflow commands, and the step's summary."""

from __future__ import annotations

import os
from pathlib import Path

from condbench.gate.outcome import Finding, Outcome
from condbench.gate.reporting.markdown import markdown
from condbench.gate.reporting.words import sentence

_LEVELS = {
    "regressed": "error",
    "failed": "error",
    "not comparable": "error",
    "inconclusive": "warning",
    "improved": "notice",
}


def commands(outcome: Outcome) -> list[str]:
    """Workflow commands, a line each, what wants attention first: GitHub shows ten of a level per step."""
    return [_annotation(finding) for finding in outcome.by_urgency() if finding.result in _LEVELS]


def summarise(outcome: Outcome) -> None:
    """Append the Markdown to the step's summary, if GitHub has named a file for it."""
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(markdown(outcome))


def _annotation(finding: Finding) -> str:
    title = f"condbench: {finding.metric} of {finding.cell} {finding.result}"
    return f"::{_LEVELS[finding.result]} title={_property(title)}::{_data(sentence(finding))}"


def _data(text: str) -> str:
    """What GitHub's own toolkit escapes in a message, so that no message becomes another command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
