"""`condbench check --speed` and `--benchmarks` as commands: wrong usage is one sentence, and builds nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from condbench.cli.speed import check_speed
from condbench.errors import NotComparable
from condbench.gate.outcome import Finding
from condbench.gate.speed import environment, rounds
from condbench.gate.speed.sides import Side
from condbench.gate.speed.subjects import Subject
from condbench.registry import Registry


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "say what to check"),
        (("--speed",), "--speed and --base belong together"),
        (("--speed", "--base", "HEAD", "--baseline", "b.json"), "one at a time"),
        (("--baseline", "b.json", "--base", "HEAD"), "--speed and --base belong together"),
        (("--speed", "--base", "nowhere"), "neither a git revision"),
        (("--speed", "--base", "HEAD", "--within", "soon"), "soon"),
    ],
)
def test_wrong_usage(condbench, arguments: tuple[str, ...], says: str) -> None:
    assert condbench("check", *arguments, code=2) == ""
    (line,) = condbench.err.strip().splitlines()
    assert says in line
    assert list(condbench.cwd.iterdir()) == []


@pytest.mark.parametrize("option", ["--junit", "--markdown"])
def test_a_folder_is_no_report(condbench, option: str) -> None:
    """It is said at once, and not after hours of training."""
    condbench("check", "--baseline", "b.json", option, ".", code=2)
    assert "is a directory" in condbench.err


def test_two_files_of_pytest_benchmark(condbench, tmp_path: Path) -> None:
    for name, median in (("a", 1.0), ("b", 2.0)):
        stats = {"median": median, "iqr": 0.01, "rounds": 10}
        session = {"machine_info": {"node": "here"}, "benchmarks": [{"fullname": "test_it", "stats": stats}]}
        (tmp_path / f"{name}.json").write_text(json.dumps(session))
    told = json.loads(condbench("check", "--benchmarks", "a.json", "b.json", "--json", "--junit", "x.xml", code=1))
    assert told["headline"] == "1 regressed"
    assert "test_it" in (tmp_path / "x.xml").read_text()
    condbench("check", "--benchmarks", "b.json", "a.json")
    assert "record a new baseline" not in condbench.out


def test_a_base_that_has_no_cell_is_not_comparable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them would be new, start-up alone would be measured, and that passes."""

    def interleave(subjects: list[Subject], base: Side, head: Side, **how: Any) -> list[Finding]:
        for subject in subjects[2:]:
            how["note"](f"{subject.name} is new, and so not checked: base has none (unknown encoder 'table')")
        return [Finding(subject.name, "start_up", "pass", "rounds") for subject in subjects[:2]]

    monkeypatch.setattr(environment, "environment", lambda name, source: Side(name, "python", {}))
    monkeypatch.setattr(rounds, "interleave", interleave)
    with pytest.raises(NotComparable, match=r"has none of the cells of the suite 'speed' \(.*unknown encoder 'table'"):
        check_speed(str(tmp_path), str(tmp_path), None, None, "1m")


class Wreck:
    error = "ImportError at import"

    def __str__(self) -> str:
        return "condbench-mine 1.0"


def test_what_is_not_measured_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Head decides what there is: a pair, or a whole plugin, that it no longer has would be missed by nobody."""

    def interleave(subjects: list[Subject], base: Side, head: Side, **how: object) -> list[Finding]:
        return [Finding(subject.name, "", "pass", "rounds") for subject in subjects]

    monkeypatch.setattr(environment, "environment", lambda name, source: Side(name, "python", {}))
    monkeypatch.setattr(rounds, "interleave", interleave)
    monkeypatch.setattr(Registry, "broken", [Wreck()])
    suite = tmp_path / "s.toml"
    suite.write_text('name = "s"\nbackbones = ["vae"]\nconditioners = ["film", "projection"]\nbudget = "samples=1"\n')
    outcome = check_speed(str(tmp_path), str(tmp_path), str(suite), None, "1m")
    assert "mnist10k.vae.film" in [finding.cell for finding in outcome.findings]
    broken, skipped = outcome.notes
    assert broken == "nothing of the plugin condbench-mine 1.0 is measured, since it is broken: ImportError at import"
    assert skipped.startswith("mnist10k.vae.projection is skipped, and so not measured: projection needs")
