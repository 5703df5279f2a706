"""condbench history: runs in the order of time, a planted change found where it began, others' runs left out."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from condbench.budget import Budget
from condbench.cli.history import history
from condbench.errors import UserError
from condbench.history import Change, Point, Trend, find_runs, trends
from condbench.store import Run
from condbench_reports import trend as section
from tests.made_runs import Make, planned, result, rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


def nightly(
    make_run: Make, at: Path, levels: Sequence[float], other_budget: int | None = None, repeats: int = 1
) -> None:
    """A run a night, with a FID about these, which so many nights repeat; their names do not tell the order."""
    noise = np.exp(0.05 * np.random.default_rng(0).standard_normal(len(levels))).tolist()
    for night, level in enumerate(levels):
        line = planned("flow", "film", budget=Budget(flops=1e12) if night == other_budget else None)
        fid = level * noise[night // repeats]
        made = make_run(
            [line], [result(line, rows(fid, 0.95, 100.0))], created=f"2025-03-{night + 1:02d}T03:00:00+00:00"
        )
        made.path.rename(at / f"nightly-{len(levels) - night:02d}")


def test_a_planted_change_is_found_where_it_began(make_run: Make, folder: Path) -> None:
    nightly(make_run, folder, [1.0] * 9 + [1.3] * 7, other_budget=3)
    (fid, accuracy) = trends(find_runs([folder]), ["fid", "label_accuracy"])
    (change,) = fid.changes
    assert change.created.startswith("2025-03-10") and change.worse
    assert change.before == pytest.approx(1.0, rel=0.05) and change.after == pytest.approx(1.3, rel=0.05)
    assert len(fid.points) == 15 and "nightly-13" in fid.left_out[0]
    assert accuracy.changes == ()


def test_each_level_is_that_of_its_own_runs(make_run: Make, folder: Path) -> None:
    nightly(make_run, folder, [1.0] * 10 + [2.0] * 10 + [0.5] * 10)
    (fid,) = trends(find_runs([folder]), ["fid"])
    assert [(change.created[:10], change.worse) for change in fid.changes] == [
        ("2025-03-11", True),
        ("2025-03-21", False),
    ]
    levels = [(change.before, change.after) for change in fid.changes]
    assert np.array(levels) == pytest.approx(np.array([[1.0, 2.0], [2.0, 0.5]]), rel=0.05)


def test_runs_are_held_against_the_newest(make_run: Make, folder: Path) -> None:
    nightly(make_run, folder, [1.0] * 9, other_budget=8)
    (fid,) = trends(find_runs([folder]), ["fid"])
    assert [point.run for point in fid.points] == ["nightly-01"] and len(fid.left_out) == 8


def test_a_newest_run_whose_own_seeds_do_not_compare_is_said(
    make_run: Make, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half of it was run again on other data."""
    lines = [planned(seed=seed) for seed in (0, 1)]
    one, other = (result(line, rows(1.0, 0.95, 100.0)) for line in lines)
    other = other.model_copy(update={"provenance": other.provenance.model_copy(update={"data": "other"})})
    make_run(lines, [one, other]).path.rename(folder / "mixed")
    history([folder], ["fid"])
    told = capsys.readouterr()
    assert told.out.splitlines()[-1].split() == ["mnist10k.flow.film", "fid", "0"]
    assert "left out mixed: the data differ: 9d41c0ffee5b2a7e and other" in told.err


def test_values_without_a_place_on_their_scale_are_taken_as_they_are(make_run: Make, folder: Path) -> None:
    nightly(make_run, folder, [0.0] + [1.0] * 9 + [3.0] * 10)
    (fid,) = trends(find_runs([folder]), ["fid"])
    (change,) = fid.changes
    assert change.created.startswith("2025-03-11")
    assert change.before == pytest.approx(0.9, rel=0.05) and change.after == pytest.approx(3.0, rel=0.05)


def test_nights_in_which_nothing_changed_are_one_draw(make_run: Make, folder: Path) -> None:
    """The same seeds of the same sources: ten times the same FID is no more evidence than once."""
    nightly(make_run, folder, [1.0] * 10 + [1.1] * 10, repeats=10)
    (fid,) = trends(find_runs([folder]), ["fid"])
    assert len(fid.points) == 20 and len({point.value for point in fid.points}) == 2
    assert fid.changes == ()


def test_a_change_among_repeated_nights_is_found_where_it_began(make_run: Make, folder: Path) -> None:
    nightly(make_run, folder, [1.0] * 12 + [2.0] * 14, repeats=2)
    (fid,) = trends(find_runs([folder]), ["fid"])
    assert [change.created[:10] for change in fid.changes] == ["2025-03-13"]


def test_the_command(make_run: Make, folder: Path, condbench) -> None:
    nightly(make_run, folder, [1.0] * 6 + [1.3] * 6)
    table = condbench("history", "runs", "-m", "fid")
    assert "worse since nightly-06 (2025-03-07)" in table
    (trend,) = json.loads(condbench("history", "runs", "-m", "fid", "--json"))
    assert len(trend["points"]) == 12 and trend["changes"][0]["run"] == "nightly-06"
    both = json.loads(condbench("history", "runs", "-m", "fid,label_accuracy,fid", "--json"))
    assert [trend["metric"] for trend in both] == ["fid", "label_accuracy"]
    condbench("history", "runs", "-m", "fidd", code=2)
    assert "did you mean 'fid'?" in condbench.err


def test_a_change_of_one_series_need_not_be_one_among_many(make_run: Make, tmp_path: Path) -> None:
    """All cells of a call are one family: what is found among few of them may be chance among more."""
    rng = np.random.default_rng(0)
    runs = []
    for night in range(9):
        lines = [planned("flow", "film", seed=0), *(planned("gan", f"c{i}", seed=0) for i in range(30))]
        noise = np.exp(0.1 * rng.standard_normal(len(lines)))
        noise[0] *= 2.0 if night >= 5 else 1.0
        results = [result(line, rows(float(fid), 0.95, 100.0)) for line, fid in zip(lines, noise, strict=True)]
        made = make_run(lines, results, created=f"2025-03-{night + 1:02d}T03:00:00+00:00")
        made.path.rename(tmp_path / f"night-{night}")
        runs.append(Run(tmp_path / f"night-{night}"))
    among_many = {trend.cell: trend.changes for trend in trends(runs, ["fid"])}
    assert not any(among_many.values())
    for run in runs:
        (run.path / "plan.jsonl").write_text(run.plan[0].model_dump_json() + "\n")
    (alone,) = trends([Run(run.path) for run in runs], ["fid"])
    assert len(alone.changes) == 1


def test_a_folder_without_runs_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run and holds none"):
        find_runs([tmp_path])


def test_the_newest_runs_report_shows_the_trend(make_run: Make, folder: Path, condbench) -> None:
    nightly(make_run, folder, [1.0] * 6 + [2.0] * 6, other_budget=2)
    condbench("history", "runs", "--keep")
    newest = folder / "nightly-01"
    assert [path.parent for path in folder.glob("*/history.json")] == [newest]
    page = condbench("report", str(newest), "--out", "-")
    section = page[page.index('id="trend"') :].partition("</section>")[0]
    assert "nightly-06 (2025-03-07)</td><td>worse</td>" in section
    before, after = re.findall(r'<td class="figure">([^<]+)</td>', section)
    assert (float(before), float(after)) == pytest.approx((1.0, 2.0), rel=0.05)
    assert section.count('class="hollow"') == 1 and section.count("nightly-10: ") == 1
    assert section.count("<details") == 4, "a chart per metric"
    assert 'id="trend"' not in condbench("report", str(folder / "nightly-02"), "--out", "-")


def test_the_latest_changes_come_first(make_run: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = tuple(Change(f"run-{day}", f"2025-03-0{day}T12:00:00", 1.0, 2.0, True) for day in (3, 7, 5))
    points = tuple(Point(f"run-{day}", f"2025-03-0{day}T12:00:00", 1.0, 1) for day in range(1, 9))
    monkeypatch.setattr(section, "kept", lambda run: (Trend("cell", "fid", "", "lower", points, changes, ()),))
    found = section.trends(make_run([planned()]))
    assert found is not None and [shift.run for shift in found.shifts] == ["run-7", "run-5", "run-3"]


def test_runs_of_one_name_in_several_folders_are_told_apart() -> None:
    points = tuple(Point("run", f"2025-03-0{day}T12:00:00", 1.0, 1) for day in (1, 2, 3))
    change = Change("run", points[1].created, 1.0, 2.0, True)
    drawn = section._path(Trend("cell", "fid", "", "lower", points, (change,), ()))
    assert [point.hollow for point in drawn] == [False, True, False]


def test_a_damaged_history_is_explained(make_run: Make, condbench) -> None:
    line = planned()
    run = make_run([line], [result(line, rows(1.0, 0.9, 100.0))])
    (run.path / "history.json").write_text('[{"cell": 1}]')
    condbench("report", str(run.path), code=2)
    assert "is damaged" in condbench.err and "Traceback" not in condbench.err
