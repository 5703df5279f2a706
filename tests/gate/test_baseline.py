"""The baseline file: small, stable, and never taken for one when it is not, or not any more, what was recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from condbench.cli.baseline import record as record_command
from condbench.errors import NotComparable, UserError
from condbench.gate.baseline import Baseline, gated, read_baseline, write_baseline
from condbench.gate.recording import record
from condbench.results import CellResult
from condbench.store import Run
from tests.gate.made import baseline_of, run_of
from tests.made_runs import Make, planned, result, rows


@pytest.fixture
def run(make_run: Make, tmp_path: Path) -> Run:
    return run_of(make_run, tmp_path / "run", seed=1)


@pytest.fixture
def file(run: Run, tmp_path: Path) -> Path:
    baseline_of(run, tmp_path / "baseline.json")
    return tmp_path / "baseline.json"


def test_it_holds_what_was_measured(run: Run, file: Path) -> None:
    baseline = read_baseline(file)
    assert [cell.name for cell in baseline.cells] == sorted({line.name.rpartition(".s")[0] for line in run.plan})
    assert [(metric.name, metric.n) for metric in baseline.metrics] == [("fid", 1996), ("label_accuracy", 1996)]
    for cell in baseline.cells:
        assert [seed.seed for seed in cell.seeds] == list(range(10))
        for seed in cell.seeds:
            stored = run.result(f"{cell.name}.s{seed.seed}")
            assert stored is not None
            row = stored.metric("fid")
            assert row is not None and seed.values["fid"] == pytest.approx(row.value, rel=1e-5)
            assert baseline.provenance(cell, seed.seed) == gated(stored.provenance)


def test_it_is_stable_and_reads_as_a_diff(run: Run, file: Path, tmp_path: Path) -> None:
    first = file.read_text()
    write_baseline(tmp_path / "again.json", record(Run(run.path)))
    assert (tmp_path / "again.json").read_text() == first
    lines = first.splitlines()
    assert sum(line.lstrip().startswith('{"seed"') for line in lines) == 40, "a line per seed"
    assert max(map(len, lines)) < 200 and len(first) < 12_000


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_change_of_bytes_passes(file: Path, tmp_path: Path, data: st.DataObject) -> None:
    """Whatever is replaced, put in or cut out: it is refused, or it is the same baseline."""
    content = file.read_bytes()
    at = data.draw(st.integers(0, len(content)))
    cut = data.draw(st.integers(0, 40) | st.just(len(content)))
    put = data.draw(st.binary(max_size=4) | st.sampled_from([b" ", b"0", b"-", b'"', b"1e9", b"null", b"NaN", b"\xff"]))
    edited = tmp_path / "edited.json"
    edited.write_bytes(content[:at] + put + content[at + cut :])
    try:
        read = read_baseline(edited)
    except NotComparable as error:
        assert str(edited) in str(error) and str(error).count("\n") == 0
    else:
        assert read == read_baseline(file)


def test_a_number_that_was_improved_by_hand_is_noticed(file: Path) -> None:
    baseline = json.loads(file.read_text())
    baseline["cells"][0]["seeds"][0]["values"]["fid"] *= 2
    file.write_text(json.dumps(baseline))
    with pytest.raises(NotComparable, match="was edited or damaged"):
        read_baseline(file)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no baseline"),
        ("", "truncated or damaged"),
        ('{"kind": "condbench baseline", "sch', "truncated or damaged"),
        ("[" * 100_000, "truncated or damaged"),
        ('{"kind": "condbench baseline", "schema_version": 0, "cells": []}', "has the schema version 0"),
        ('{"kind": "condbench baseline", "schema_version": 1, "digest": ""}', "was edited or damaged"),
        ('{"schema_version": 1, "benchmarks": []}', "is not a baseline of condbench"),
        ("[1, 2]", "is not a baseline of condbench"),
    ],
)
def test_what_is_no_baseline_gets_a_sentence(tmp_path: Path, content: str | None, said: str) -> None:
    file = tmp_path / "baseline.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(NotComparable, match=said) as caught:
        read_baseline(file)
    assert caught.value.exit_code == 4 and "record" in str(caught.value)


def test_a_sealed_file_of_something_else_is_refused(file: Path) -> None:
    """What has a digest that fits, but not the fields, e.g. by another version of the same schema."""
    from condbench.gate.baseline import _digest

    content = json.loads(file.read_text())
    content["cells"][0]["colour"] = "red"
    content["digest"] = _digest(content)
    file.write_text(json.dumps(content))
    with pytest.raises(NotComparable, match=r"is damaged \(cells.0.colour"):
        read_baseline(file)
    del content["cells"][0]["colour"]
    content["budget"]["flops"] = -1
    content["digest"] = _digest(content)
    file.write_text(json.dumps(content))
    with pytest.raises(NotComparable, match=r"is damaged \(.*not a positive number"):
        read_baseline(file)


def test_a_file_that_may_not_be_read_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(NotComparable, match="cannot be read"):
        read_baseline(file)


def test_too_few_seeds_are_refused_unless_asked_for(make_run: Make, tmp_path: Path) -> None:
    run = run_of(make_run, tmp_path / "run", seeds=4)
    out = tmp_path / "b.json"
    with pytest.raises(UserError, match=r"flow.film has 4 seeds .* needs 10: .*--seeds-at-least 4"):
        record_command(run.path, out)
    assert not out.exists()
    record_command(run.path, out, seeds_at_least=4)
    assert {len(cell.seeds) for cell in read_baseline(out).cells} == {4}


def test_a_metric_that_a_cell_has_no_value_of_is_said(
    make_run: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may be for want of labels, or since the metric is broken: no check will tell."""

    def without_fid(one: CellResult) -> CellResult:
        if "gan.film" not in one.name:
            return one
        return one.model_copy(update={"metrics": tuple(row for row in one.metrics if row.name != "fid")})

    record_command(run_of(make_run, tmp_path / "run", without_fid).path, tmp_path / "b.json")
    assert "note: mnist10k.gan.film has no fid, so no check will look at it there\n" in capsys.readouterr().err


def test_a_seed_that_failed_is_not_counted(make_run: Make, tmp_path: Path) -> None:
    run = run_of(
        make_run,
        tmp_path / "run",
        lambda one: one.model_copy(update={"state": "diverged"}) if one.name.endswith("gan.film.s3") else one,
    )
    with pytest.raises(UserError, match=r"gan\.film has 9 seeds"):
        record(run)


def test_seeds_that_are_left_out_are_said(make_run: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_of(
        make_run,
        tmp_path / "run",
        lambda one: one.model_copy(update={"state": "diverged"}) if one.name.endswith("gan.film.s3") else one,
    )
    record_command(run.path, tmp_path / "b.json", seeds_at_least=9)
    assert "note: mnist10k.gan.film is recorded without 1 of its 10 seeds" in capsys.readouterr().err


def test_a_value_that_no_check_could_test_is_refused(make_run: Make, tmp_path: Path) -> None:
    """Or every check would say of each new revision that it failed."""

    def of_nothing(one: CellResult) -> CellResult:
        metrics = [row.model_copy(update={"value": 0.0}) if row.name == "fid" else row for row in one.metrics]
        return one.model_copy(update={"metrics": tuple(metrics)}) if one.name.endswith("gan.film.s3") else one

    with pytest.raises(UserError, match=r"gan.film cannot be tested by its fid \(a value is not positive\)"):
        record(run_of(make_run, tmp_path / "run", of_nothing))


def test_cells_of_different_revisions_are_refused(make_run: Make, tmp_path: Path) -> None:
    def newer(one):  # type: ignore[no-untyped-def]
        if not one.name.endswith("film.s7"):
            return one
        provenance = one.provenance.model_copy(update={"libraries": {"torch": "2.15.0", "numpy": "2.4.6"}})
        return one.model_copy(update={"provenance": provenance})

    with pytest.raises(UserError, match=r"under the same conditions \(the library torch differs\)"):
        record(run_of(make_run, tmp_path / "run", newer))


def test_what_was_skipped_is_left_out(make_run: Make) -> None:
    plan = [planned("flow", "film", seed=s) for s in range(10)]
    skipped = [planned("ar", "adain", seed=s, skip="it cannot be") for s in range(10)]
    results = [result(line, rows(1.0 + s / 10, 0.9, 100.0)) for s, line in enumerate(plan)]
    results += [result(line, state="skipped", reason="it cannot be") for line in skipped]
    baseline: Baseline = record(make_run(plan + skipped, results))
    assert [cell.name for cell in baseline.cells] == ["mnist10k.flow.film"]


def test_a_run_without_what_a_check_looks_at_is_refused(make_run: Make) -> None:
    line = planned()
    run = make_run([line], [result(line, rows(None, None, 100.0))])
    with pytest.raises(UserError, match="no values of fid or label_accuracy"):
        record(run)
