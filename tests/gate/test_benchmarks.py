"""Two files of pytest-benchmark against each other."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from condbench.errors import NotComparable, UserError
from condbench.gate.benchmarks import check_benchmarks

MACHINE = {"node": "here", "cpu": {"brand_raw": "fast", "count": 2, "flags": ["a"]}, "python_version": "3.12.1"}


def write(path: Path, machine: dict[str, Any] = MACHINE, **stats: tuple[float, float, int]) -> Path:
    entries = [
        {"fullname": name, "stats": {"median": median, "iqr": iqr, "rounds": rounds, "mean": 1.0}}
        for name, (median, iqr, rounds) in stats.items()
    ]
    path.write_text(json.dumps({"machine_info": machine, "benchmarks": entries, "version": "5.1.0"}))
    return path


def test_verdicts(tmp_path: Path) -> None:
    base = write(
        tmp_path / "a.json", same=(1, 0.05, 20), slow=(1, 0.05, 20), wild=(1, 2, 5), few=(1, 0, 2), gone=(1, 0, 9)
    )
    head = write(
        tmp_path / "b.json", same=(1.2, 0.05, 20), slow=(1.5, 0.05, 20), wild=(2, 2, 5), few=(9, 0, 2), new=(1, 0, 9)
    )
    outcome = check_benchmarks(base, head)
    assert {finding.cell: finding.result for finding in outcome.findings} == {
        "same": "pass",
        "slow": "regressed",
        "wild": "inconclusive",
        "few": "inconclusive",
        "gone": "not comparable",
    }
    assert outcome.notes == ("new is new",)
    back = check_benchmarks(head, base)
    assert {finding.cell: finding.result for finding in back.findings}["slow"] == "improved"


@pytest.mark.parametrize(
    "other", [{"node": "there"}, {"python_version": "3.13.0"}, {"cpu": {"brand_raw": "slow", "count": 2}}]
)
def test_another_machine_is_refused(tmp_path: Path, other: dict[str, Any]) -> None:
    base, head = write(tmp_path / "a.json", x=(1, 0, 9)), write(tmp_path / "b.json", MACHINE | other, x=(1, 0, 9))
    with pytest.raises(NotComparable, match="different machines"):
        check_benchmarks(base, head)


@pytest.mark.parametrize("content", ["", "[]", '{"benchmarks": []}', '{"machine_info": {}, "benchmarks": []}'])
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    good = write(tmp_path / "good.json", x=(1, 0, 9))
    for broken, said in (("x.json", "not a file of pytest-benchmark"), ("none.json", "cannot be read")):
        with pytest.raises(NotComparable, match=said):
            check_benchmarks(tmp_path / broken, good)
        with pytest.raises(UserError, match=said) as caught:
            check_benchmarks(good, tmp_path / broken)
        assert caught.value.exit_code == 2, "a base that is missing or damaged is another code than head's"


def test_a_file_that_pytest_benchmark_wrote(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(benchmark): benchmark.pedantic(sum, ([1],), rounds=9)\n")
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--benchmark-json", "x.json", "test_it.py"],
        cwd=tmp_path,
        env={
            name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")
        },  # none is timed there
        check=True,
        capture_output=True,
    )
    (finding,) = check_benchmarks(tmp_path / "x.json", tmp_path / "x.json").findings
    assert finding.cell == "test_it.py::test_it" and finding.base is not None and finding.base.seeds == 9
    assert finding.result in ("pass", "inconclusive") and math.isfinite(finding.smallest or math.nan)
