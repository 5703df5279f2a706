"""docs/conformance.md lists each check with what its docstring says, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from condbench.testing.checks.catalogue import every_check

PAGE = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text()


def test_the_page_lists_every_check_as_the_code_says_it() -> None:
    listed = re.findall(r"^\| \*\*(.+?)\*\* \| (.+) \|$", PAGE, re.MULTILINE)
    assert listed == [(one.name, one.why) for checks in every_check().values() for one in checks]
