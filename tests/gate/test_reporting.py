"""Reporters: whatever a plugin's message holds, the XML can be read, and no message becomes markup or a command."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condbench.gate.outcome import Finding, Outcome, Result
from condbench.gate.reporting.github import commands
from condbench.gate.reporting.junit import junit
from condbench.gate.reporting.markdown import escape, markdown
from condbench.gate.reporting.words import change
from condbench.statistics import Interval
from tests.made_runs import HOSTILE


def outcome(result: Result, why: str) -> Outcome:
    return Outcome("b.json", why, (Finding("c", "fid", result, "seeds", why),), changed=(why,), notes=(why,))


@settings(max_examples=100)
@given(st.text(), st.sampled_from(["regressed", "failed", "not comparable", "inconclusive", "improved", "pass"]))
def test_any_text_makes_xml_that_can_be_read(why: str, result: Result) -> None:
    root = ElementTree.fromstring(junit(outcome(result, why), strict=True).encode())
    (case,) = root.iter("testcase")
    told = "".join(case.itertext())
    assert "settled by: seeds" in told
    if why.isascii() and why.isprintable():
        assert why.strip() in told


@pytest.mark.parametrize(
    ("result", "strict", "tag"),
    [
        ("regressed", False, "failure"),
        ("failed", False, "error"),
        ("not comparable", False, "error"),
        ("inconclusive", False, "skipped"),
        ("inconclusive", True, "failure"),
        ("improved", True, "system-out"),
        ("pass", True, "system-out"),
    ],
)
def test_each_result_has_its_tag(result: Result, strict: bool, tag: str) -> None:
    root = ElementTree.fromstring(junit(outcome(result, "because"), strict=strict).encode())
    (case,) = root.iter("testcase")
    assert [child.tag for child in case] == [tag]
    counts = {"failure": "failures", "error": "errors", "skipped": "skipped"}
    assert {name: root.get(name) for name in counts.values()} == {
        name: str(int(counts.get(tag) == name)) for name in counts.values()
    }


def test_no_message_becomes_another_workflow_command() -> None:
    (line,) = commands(outcome("failed", "50 %\n::add-mask::x\r\n::error::y"))
    assert "\n" not in line and "\r" not in line
    assert line.endswith("50 %25%0A::add-mask::x%0D%0A::error::y")
    assert commands(outcome("pass", "")) == []


def test_what_was_zero_has_no_ratio() -> None:
    """A distance of 0 to the bit passes, and then there are figures to tell."""
    zero = Interval(0.0, None, None, 3)
    assert change(Finding("c", "fid", "pass", "same samples", scale="log", base=zero, head=zero)) == "+0"


def test_no_message_becomes_markup() -> None:
    text = markdown(outcome("failed", HOSTILE + " @someone [a](javascript:b) ~~c~~"))
    for raw in ("<script", "`code`", "@someone", "](", "~~"):
        assert raw not in text
    (row,) = [line for line in text.splitlines() if line.startswith("| ") and "alert" in line]
    assert row.count("|") == 10, "a bar in a message is no column"
    assert escape("a_b") == "a&#95;b"
