"""`condbench doctor`: what is wrong with plugins or the environment, and how to mend it."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from condbench.doctor.finding import Finding

_PROBLEM = 2


def doctor(
    data_root: Annotated[
        Path | None,
        typer.Option(help="Folder with data sets that do not ship.", file_okay=False, exists=True),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at plugins, versions, the machine, data and folders; say what is wrong and how to mend it.

    The exit code is 2 if there is a problem.
    """
    from condbench.doctor.examination import examine
    from condbench.registry import loaded

    findings = list(examine(loaded(), data_root))
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        _print(findings)
    if any(finding.state == "problem" for finding in findings):
        raise typer.Exit(_PROBLEM)


def _print(findings: Sequence[Finding]) -> None:
    """A line per finding under its section, with what to do and a plugin's traceback below it."""
    for section, group in groupby(findings, key=lambda finding: finding.section):
        print(section)
        for finding in group:
            print(f"  {finding.state:8} {finding.subject}: {finding.says}")
            if finding.fix:
                print(f"{'':11}fix: {finding.fix}")
            for line in finding.trace:
                print(f"{'':11}| {line}")
    count = Counter(finding.state for finding in findings)
    listing = (f"{count[state]} {state}{'s' * (count[state] != 1)}" for state in ("problem", "warning"))
    print(", ".join(listing), file=sys.stderr)
