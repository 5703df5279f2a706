"""`condbench check --baseline FILE RUN`: a made run against a made baseline, every verdict and every exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer

from condbench.cli.check import check
from condbench.errors import NotComparable, UserError
from condbench.gate.recording import record
from condbench.results import CellResult, Provenance
from tests.gate.made import WORSE, Change, baseline_of, run_of
from tests.made_runs import Make


@pytest.fixture
def against(make_run: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, object]]:
    """Check a made run against a baseline of ten seeds; the outcome as JSON."""
    file = tmp_path / "baseline.json"
    baseline_of(run_of(make_run, tmp_path / "base", seed=1), file)

    def done(code: int, change: Change | None = None, *, strict: bool = False, **how: float) -> dict[str, object]:
        run = run_of(make_run, tmp_path / "head", change, **{"seed": 2, **how})
        with pytest.raises(typer.Exit) as ended:
            check(file, run=run.path, strict=strict, as_json=True)
        found: dict[str, object] = json.loads(capsys.readouterr().out)
        assert ended.value.exit_code == found["exit_code"] == code, found
        return found

    return done


def results(found: dict[str, object]) -> dict[tuple[str, str], str]:
    return {(one["cell"], one["metric"]): one["result"] for one in found["findings"]}  # type: ignore[attr-defined]


def finding(found: dict[str, object], metric: str = "fid") -> dict[str, object]:
    (one,) = [
        one
        for one in found["findings"]  # type: ignore[attr-defined]
        if (one["cell"], one["metric"]) == (WORSE, metric)
    ]
    return one  # type: ignore[no-any-return]


def test_another_run_of_the_same_passes(against: Callable[..., dict[str, object]]) -> None:
    found = against(0, strict=True)
    assert set(results(found).values()) == {"pass"} and len(results(found)) == 8
    one = finding(found)
    assert 1.15 < one["smallest"] / one["base"]["value"] < 1.4, "what it would have seen"  # type: ignore[index,operator]
    accuracy = finding(found, "label_accuracy")
    assert 0.9 < accuracy["smallest"] < accuracy["base"]["value"] < 0.97  # type: ignore[index,operator]


def test_what_got_worse_is_the_one_regression(against: Callable[..., dict[str, object]]) -> None:
    found = against(1, worse=1.5)
    assert [key for key, value in results(found).items() if value != "pass"] == [(WORSE, "fid")]
    assert results(found)[WORSE, "fid"] == "regressed"


def test_accuracy_counts_as_well(against: Callable[..., dict[str, object]]) -> None:
    def disobeys(one: CellResult) -> CellResult:
        if not one.name.startswith(WORSE):
            return one
        metrics = [
            row.model_copy(update={"value": round(1996 * (row.value - 0.06)) / 1996})
            if row.name == "label_accuracy" and row.value
            else row
            for row in one.metrics
        ]
        return one.model_copy(update={"metrics": tuple(metrics)})

    found = against(1, disobeys)
    assert [key for key, value in results(found).items() if value != "pass"] == [(WORSE, "label_accuracy")]


def test_what_got_better_suggests_a_new_baseline(
    against: Callable[..., dict[str, object]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = against(0, worse=0.6)
    assert results(found)[WORSE, "fid"] == "improved"
    with pytest.raises(typer.Exit):
        check(tmp_path / "baseline.json", run=tmp_path / "head")
    assert f"{WORSE} got better: record a new baseline" in capsys.readouterr().out


def test_what_cannot_be_told_says_so(against: Callable[..., dict[str, object]]) -> None:
    found = against(0, spread=1.0)
    assert results(found)[WORSE, "fid"] == "inconclusive"
    assert "differ too much" in str(finding(found)["why"])
    against(5, spread=1.0, strict=True)
    assert "a test needs 3 seeds" in str(finding(against(5, seeds=1, strict=True, worse=9.0))["why"])
    assert results(against(1, seeds=3, worse=3.0))[WORSE, "fid"] == "regressed"


def test_a_cell_that_failed_is_no_pass(against: Callable[..., dict[str, object]]) -> None:
    def fails(one: CellResult) -> CellResult:
        if one.name != f"{WORSE}.s2":
            return one
        return one.model_copy(update={"state": "diverged", "reason": "the loss was not finite", "metrics": ()})

    found = against(3, fails)
    assert results(found)[WORSE, "fid"] == results(found)[WORSE, "label_accuracy"] == "failed"
    assert "1 of 10 seeds diverged: the loss was not finite" in str(finding(found)["why"])


def test_a_cell_that_is_missing_is_no_pass(make_run: Make, tmp_path: Path) -> None:
    baseline_of(run_of(make_run, tmp_path / "base"), tmp_path / "baseline.json")
    run = run_of(make_run, tmp_path / "head")
    kept = [line for line in run.plan if not line.name.startswith(WORSE)]
    (run.path / "plan.jsonl").write_text("".join(line.model_dump_json() + "\n" for line in kept))
    with pytest.raises(typer.Exit) as ended:
        check(tmp_path / "baseline.json", run=run.path)
    assert ended.value.exit_code == 4


def test_a_run_that_was_stopped_says_so(make_run: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    baseline_of(run_of(make_run, tmp_path / "base", seed=1), tmp_path / "baseline.json")
    run = run_of(make_run, tmp_path / "head", seed=2)
    for seed in (7, 8, 9):
        (run.cell_path(f"{WORSE}.s{seed}") / "result.json").unlink()
    with pytest.raises(typer.Exit) as ended:
        check(tmp_path / "baseline.json", run=run.path, strict=True, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert ended.value.exit_code == 5, "seeds that did not end may be the bad ones"
    assert (finding(found)["result"], finding(found)["why"]) == (
        "inconclusive",
        "3 of its planned seeds have not ended",
    )
    assert found["notes"] == ["3 of the run's 40 cells have no result yet, and so have no part in this"]
    assert finding(found)["head"]["seeds"] == 7  # type: ignore[index]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda p: p.model_copy(update={"data": "other"}),
            "the data differ: 9d41c0ffee5b2a7e in the baseline, other now",
        ),
        (
            lambda p: p.model_copy(update={"settings": p.settings.model_copy(update={"samples": 500})}),
            "the sample counts differ: 1996 in the baseline, 500 now",
        ),
        (
            lambda p: p.model_copy(update={"settings": p.settings.model_copy(update={"precision": "fp32"})}),
            "the precisions differ",
        ),
        (
            lambda p: p.model_copy(update={"assets": {"condbench:fid": "other"}}),
            "the weights that fid is measured with differ: none in the baseline, other now",
        ),
    ],
)
def test_other_conditions_are_not_comparable(
    against: Callable[..., dict[str, object]], change: Callable[[Provenance], Provenance], said: str
) -> None:
    found = against(4, lambda one: one.model_copy(update={"provenance": change(one.provenance)}))
    assert finding(found)["result"] == "not comparable" and said in str(finding(found)["why"])


def test_other_versions_are_what_is_tested(against: Callable[..., dict[str, object]]) -> None:
    newer = {"torch": "2.15.0", "numpy": "2.4.6"}
    found = against(
        0, lambda one: one.model_copy(update={"provenance": one.provenance.model_copy(update={"libraries": newer})})
    )
    assert found["changed"] == ["libraries.torch was 2.14.1, is 2.15.0"]


def test_a_regression_outranks_all_else(against: Callable[..., dict[str, object]]) -> None:
    def fails(one: CellResult) -> CellResult:
        return one.model_copy(update={"state": "lost"}) if "gan" in one.name else one

    found = against(1, fails, worse=2.0, strict=True)
    assert set(results(found).values()) == {"regressed", "failed", "pass"}


def test_every_reporter_says_so(make_run: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    baseline_of(run_of(make_run, tmp_path / "base", seed=1), tmp_path / "baseline.json")
    run = run_of(make_run, tmp_path / "head", seed=2, worse=1.5)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    with pytest.raises(typer.Exit):
        check(tmp_path / "baseline.json", run=run.path, junit=tmp_path / "j.xml", markdown=tmp_path / "m.md")
    out, err = capsys.readouterr()
    assert "7 pass, 1 regressed" in out and WORSE in out
    annotation = f"::error title=condbench%3A fid of {WORSE} regressed::regressed: fid of {WORSE} is "
    assert [line for line in err.splitlines() if line.startswith("::")] == [
        line for line in err.splitlines() if line.startswith(annotation)
    ]
    assert err.count(annotation) == 1
    suite = ElementTree.parse(tmp_path / "j.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("8", "1", "0")
    (failed,) = [case for case in suite.iter("testcase") if case.find("failure") is not None]
    assert (failed.get("classname"), failed.get("name")) == (WORSE, "fid")
    assert "over 10 seeds" in str(failed.find("failure").text)  # type: ignore[union-attr]
    text = (tmp_path / "m.md").read_text()
    assert "7 pass, 1 regressed" in text and "worse by more than 5 %" in text
    assert (tmp_path / "summary.md").read_text() == text


def test_mistakes_get_a_sentence(make_run: Make, tmp_path: Path) -> None:
    run = run_of(make_run, tmp_path / "run")
    with pytest.raises(NotComparable, match="there is no baseline"):
        check(tmp_path / "none.json", run=run.path)
    with pytest.raises(UserError, match="judged by a baseline only"):
        check(None, benchmarks=(tmp_path / "a.json", tmp_path / "b.json"), run=run.path)
    with pytest.raises(UserError, match="--suite has no part in judging a run as it is"):
        check(tmp_path / "none.json", run=run.path, suite="quick")
    with pytest.raises(UserError, match="--head, --within have no part in a check that trains"):
        check(tmp_path / "none.json", head="HEAD~1", within="5m")
    with pytest.raises(UserError, match="--jobs has no part in comparing two files"):
        check(None, benchmarks=(tmp_path / "a.json", tmp_path / "b.json"), jobs=2)
    with pytest.raises(UserError, match=r"the folder .* of --junit does not exist"):
        check(tmp_path / "none.json", run=run.path, junit=tmp_path / "no" / "j.xml")
    assert record(run).cells
