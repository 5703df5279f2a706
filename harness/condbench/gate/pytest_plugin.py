"""The pytest plugin: with ``pytest --condbench-baseline FILE`` every cell and metric of a baseline is a test.

pytest loads this file whenever condbench is installed, so it imports next to nothing until the option is given. The
check itself is `condbench check` in a process of its own, run once, when the first of these tests is.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from condbench.gate.baseline import Baseline
    from condbench.gate.outcome import Finding


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options."""
    group = parser.getgroup("condbench", "condbench: quality against a baseline")
    group.addoption(
        "--condbench-baseline", metavar="FILE", help="Test every cell and metric that `condbench baseline record` kept."
    )
    group.addoption(
        "--condbench-run", metavar="DIR", help="Judge this run as it is; without one, cells are trained as needed."
    )
    group.addoption(
        "--condbench-strict", action="store_true", help="What cannot be told fails instead of being skipped."
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse what does not go together, before any worker starts."""
    if config.getoption("condbench_baseline") is None:
        if config.getoption("condbench_run"):
            raise pytest.UsageError("--condbench-run needs --condbench-baseline FILE, which it is judged by.")
    elif config.getoption("dist", "no") != "no":
        raise pytest.UsageError(
            "--condbench-baseline does not go with -n, where each worker would train all cells: give -n 0."
        )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the baseline's tests to those that were collected; first, so that ``-k`` chooses among them too."""
    file = config.getoption("condbench_baseline")
    if file is None:
        return
    from condbench.errors import UserError
    from condbench.gate.baseline import read_baseline

    try:
        baseline = read_baseline(Path(file))
    except UserError as error:
        raise pytest.UsageError(str(error)) from None
    items += Gate.from_parent(session, name=file, nodeid=file).tests(baseline)


class Regressed(Exception):  # noqa: N818 - a result, not a fault
    """A test's failure, told in figures instead of a traceback."""


class Gate(pytest.Collector):
    """The baseline's file, with the one check that its tests share."""

    def collect(self) -> list[pytest.Item]:
        """Nothing: its tests are made by `tests`, since a baseline need not be named as an argument."""
        return []

    def tests(self, baseline: Baseline) -> list[GatedMetric]:
        """A test per cell and metric that any seed has a value of."""
        return [
            GatedMetric.from_parent(self, name=f"{cell.name}::{metric.name}", cell=cell.name, metric=metric.name)
            for cell in baseline.cells
            for metric in baseline.metrics
            if any(metric.name in seed.values for seed in cell.seeds)
        ]

    @cached_property
    def findings(self) -> dict[tuple[str, str], Finding] | str:
        """By cell and metric; why there are none, if the check itself went wrong."""
        run = self.config.getoption("condbench_run")
        command = ["check", *([run] if run else []), "--baseline", self.name, "--json", "--no-github"]
        answer = subprocess.run([sys.executable, "-m", "condbench", *command], capture_output=True, text=True)
        if not answer.stdout:
            return (answer.stderr.strip().splitlines() or ["condbench check said nothing"])[-1]
        from pydantic import TypeAdapter

        from condbench.gate.outcome import Finding

        found = TypeAdapter(list[Finding]).validate_python(_finite(json.loads(answer.stdout)["findings"]))
        return {(finding.cell, finding.metric): finding for finding in found}


class GatedMetric(pytest.Item):
    """One metric of one cell."""

    def __init__(self, *, cell: str, metric: str, **rest: Any) -> None:
        super().__init__(**rest)
        self.cell, self.metric = cell, metric

    def runtest(self) -> None:
        """Fail if it regressed, failed, or cannot be compared; be skipped if it cannot be told."""
        from condbench.gate.reporting.words import figures, sentence

        assert isinstance(self.parent, Gate)
        findings = self.parent.findings
        if isinstance(findings, str):
            raise Regressed(findings)
        finding = findings.get((self.cell, self.metric))
        if finding is None:
            raise Regressed(f"condbench check says nothing of {self.metric} of {self.cell}")
        if finding.result in ("pass", "improved"):
            return
        if finding.result == "inconclusive" and not self.config.getoption("condbench_strict"):
            pytest.skip(sentence(finding))
        raise Regressed("\n  ".join([sentence(finding), *figures(finding)]))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The figures."""
        return str(excinfo.value) if isinstance(excinfo.value, Regressed) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where it is from, for pytest's headings."""
        assert self.parent is not None
        return self.config.rootpath / self.parent.name, None, f"{self.metric} of {self.cell}"


_NUMBERS = ("value", "worse", "low", "high", "p_no_worse", "p_margin", "smallest")


def _finite(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """JSON has no infinity: what stands as null in a test's figures is not a number."""
    for finding in findings:
        if decision := finding["decision"]:
            decision |= {key: math.nan for key in _NUMBERS if key in decision and decision[key] is None}
        for side in (finding["base"], finding["head"]):
            if side and side["value"] is None:
                side["value"] = math.nan
    return findings
