"""JUnit XML, which every CI system shows: a test case per cell and metric, and failures with their figures."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from condbench.gate.outcome import Finding, Outcome
from condbench.gate.reporting.words import figures, heading, sentence

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write, not even escaped; a plugin's message may have it, e.g. a terminal's colours."""


def junit(outcome: Outcome, *, strict: bool) -> str:
    """The outcome as JUnit XML.

    A regression is a failure, what failed or is not comparable an error, and what is inconclusive is skipped, or a
    failure if ``strict``.
    """
    count = outcome.count()
    failures = count["regressed"] + (count["inconclusive"] if strict else 0)
    totals = {
        "tests": str(len(outcome.findings)),
        "failures": str(failures),
        "errors": str(count["failed"] + count["not comparable"]),
        "skipped": str(0 if strict else count["inconclusive"]),
    }
    root = ElementTree.Element("testsuites", totals)
    suite = ElementTree.SubElement(root, "testsuite", {"name": _text(f"condbench check: {heading(outcome)}"), **totals})
    if outcome.changed:
        properties = ElementTree.SubElement(suite, "properties")
        for line in outcome.changed:
            ElementTree.SubElement(properties, "property", {"name": "changed", "value": _text(line)})
    for finding in outcome.findings:
        case = ElementTree.SubElement(
            suite, "testcase", {"classname": _text(finding.cell), "name": _text(finding.metric)}
        )
        _tell(case, finding, strict)
    if outcome.notes:
        ElementTree.SubElement(suite, "system-out").text = _text("\n".join(outcome.notes))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _tell(case: ElementTree.Element, finding: Finding, strict: bool) -> None:
    """Put what a finding says into its test case."""
    bad = {
        "regressed": "failure",
        "failed": "error",
        "not comparable": "error",
        "inconclusive": "failure" if strict else "skipped",
    }
    told = _text("\n".join(figures(finding)))
    if tag := bad.get(finding.result):
        said = {"message": _text(sentence(finding))}
        if tag != "skipped":
            said["type"] = finding.result
        ElementTree.SubElement(case, tag, said).text = told
    else:
        ElementTree.SubElement(case, "system-out").text = told


def _text(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
