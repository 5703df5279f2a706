"""The reusable workflow is safe for pull requests of forks: it only reads, has no secret, and runs no input as code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

WORKFLOW = (Path(__file__).parents[1] / ".github" / "workflows" / "condbench-check.yml").read_text(encoding="utf-8")
CODE = [line for line in WORKFLOW.splitlines() if not line.lstrip().startswith("#")]
_VARIABLE = re.compile(r"\s+([A-Z_]+|runs-on|python-version): \$\{\{ .* \}\}")


def unsafe(lines: list[str]) -> list[str]:
    """Lines in which an expression is anything but the whole of a variable's value."""
    return [line for line in lines if "${{" in line and not _VARIABLE.fullmatch(line)]


def test_inputs_reach_the_shell_as_variables_only() -> None:
    assert sum("${{" in line for line in CODE) > 8
    assert unsafe(CODE) == []
    assert unsafe(["        run: condbench check --base ${{ inputs.base }}", "          echo ${{ inputs.base }}"])


@pytest.mark.parametrize("word", ["pull_request_target", "secrets", ": write", "@main", "@master"])
def test_nothing_worth_taking(word: str) -> None:
    assert not [line for line in CODE if word in line]
    assert "permissions:\n  contents: read\n" in WORKFLOW
    assert WORKFLOW.count("persist-credentials: false") == WORKFLOW.count("actions/checkout@")


def test_the_options_that_it_gives_exist(condbench) -> None:
    told = condbench("check", "--help")
    for option in set(re.findall(r"--[a-z]+", "\n".join(CODE))):
        assert option in told


def test_a_caller_that_asks_for_nothing_is_told() -> None:
    asks = re.findall(r"^    if: (.*)$", WORKFLOW, re.MULTILINE)
    assert asks == ["inputs.baseline == '' && !inputs.speed", "inputs.baseline != ''", "inputs.speed"]
