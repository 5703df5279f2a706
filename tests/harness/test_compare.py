"""`condbench compare`: what holds between runs and within one, and what may not be compared."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from condbench.budget import Budget
from condbench.cli.compare import compare
from condbench.errors import NotComparable, UserError
from condbench.results import CellResult, PlannedCell
from condbench.store import Run
from tests.made_runs import Make, planned, result, rows

BACKBONES, CONDITIONERS = ("flow", "gan"), ("film", "concat", "none")
TYPICAL = {"film": 0.0, "concat": 0.02, "none": 1.5}


def cells(
    *, seed: int = 0, seeds: int = 5, film: float = 1.0, budget: Budget | None = None
) -> tuple[list[PlannedCell], list[CellResult]]:
    """Two backbones by three conditioners; seeds share much of their noise with those of other runs."""
    shared, own = np.random.default_rng(7), np.random.default_rng(seed)
    plan = [planned(b, c, seed=s, budget=budget) for b in BACKBONES for c in CONDITIONERS for s in range(seeds)]
    results = []
    for line in plan:
        cell = line.cell
        log = (
            TYPICAL[cell.conditioner.name] + (cell.backbone.name == "gan") + 0.1 * shared.normal() + 0.02 * own.normal()
        )
        fid = math.exp(log) * (film if cell.conditioner.name == "film" else 1.0)
        results.append(result(line, rows(fid, round(1800 - 300 * log + 9 * own.normal()) / 1996, 100 + own.normal())))
    return plan, results


@pytest.fixture
def two(make_run: Make, tmp_path: Path) -> tuple[str, str]:
    """Runs a and b, which made film better."""
    names = []
    for name, (plan, results) in {"a": cells(seed=1), "b": cells(seed=2, film=0.8)}.items():
        run: Run = make_run(plan, results)
        run.path.rename(tmp_path / name)
        names.append(str(tmp_path / name))
    return names[0], names[1]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, metric: str = "fid") -> dict[str, object]:
    compare(*arguments, metric=[metric], as_json=True)
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_of_two_runs_only_what_changed_holds(two: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    (fid,) = printed(capsys, *two)["metrics"]  # type: ignore[misc]
    verdicts = {pair["group"]: pair["verdict"] for pair in fid["pairs"]}
    assert verdicts == {
        f"{b} \N{MULTIPLICATION SIGN} {c}": "B is better" if c == "film" else "cannot tell"
        for b in BACKBONES
        for c in CONDITIONERS
    }
    for pair in fid["pairs"]:
        assert pair["difference"]["p"] <= pair["adjusted"] and pair["seeds"] == [5, 5]
    film = fid["pairs"][0]["difference"]
    assert film["low"] < 0.8 < film["high"] and film["high"] - film["low"] < 0.075, "shared noise cancels"
    assert 0.5 < fid["improvement"]["value"] < 1
    compare(*two)
    out = capsys.readouterr().out
    assert "Nothing that results depend on differs." in out and "label_accuracy (fraction, higher is better)" in out


def test_the_same_run_twice_differs_in_nothing(two: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    (fid,) = printed(capsys, two[0], two[0])["metrics"]  # type: ignore[misc]
    assert {pair["verdict"] for pair in fid["pairs"]} == {"every seed has the same value in both"}


def test_within_a_run_ties_look_like_ties(two: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    (fid,) = printed(capsys, two[0])["metrics"]  # type: ignore[misc]
    on_flow = next(ranking for ranking in fid["rankings"] if ranking["group"] == "conditioners on flow")
    assert {rank["name"]: (rank["first"], rank["last"]) for rank in on_flow["ranks"]} == {
        "film": (1, 2), "concat": (1, 2), "none": (3, 3),
    }  # fmt: skip
    assert len(fid["pairs"]) == 2 * 3 + 3
    (analysis,) = fid["analyses"]
    assert [share["source"] for share in analysis["result"]["shares"]] == [
        "backbone",
        "conditioner",
        "interaction",
        "seed",
    ]
    assert {effect["conditioner"] for effect in analysis["result"]["effects"]} == set(CONDITIONERS)
    compare(two[0], metric=["fid"])
    out = capsys.readouterr().out
    assert "1-2\tfilm\t" in out and "What log fid is due to on mnist10k (30 trainings, 6 cells):" in out


def test_two_combinations_are_compared_as_strangers(two: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    sides = f"{two[0]}:mnist10k.flow.film", f"{two[0]}:mnist10k.flow.none"
    (fid,) = printed(capsys, *sides)["metrics"]  # type: ignore[misc]
    (pair,) = fid["pairs"]
    assert pair["verdict"] == "A is better" and pair["improvement"]["value"] == 0
    with pytest.raises(UserError, match=r"did you mean 'mnist10k\.flow\.film'"):
        compare(f"{two[0]}:mnist10k.flow.film.s0", sides[1])
    with pytest.raises(UserError, match="a run and a combination"):
        compare(sides[0], two[1])


def test_one_seed_is_told_and_keeps_its_interaction_to_itself(
    make_run: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(*cells(seeds=1))
    compare(str(run.path), metric=["fid"])
    out = capsys.readouterr().out
    assert "one seed does not tell how much seeds differ" in out and "the interaction cannot be told" in out
    with pytest.raises(NotComparable, match="1 seed in common"):
        compare(str(run.path), str(run.path))


def test_what_was_made_otherwise_is_never_compared(
    two: tuple[str, str], make_run: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, results = cells(seed=3)
    fewer = results[0].metrics[0].model_copy(update={"n": 500})
    changes = {
        "the data differ": {"data": "other"},
        "the weights that fid is measured with differ": {"assets": {"condbench:fid": "other"}},
        "the tracks differ": {"settings": plan[0].provenance.settings.model_copy(update={"track": "same-size"})},
    }
    runs = {"the budgets differ": cells(seed=3, budget=Budget(flops=1e12))}
    for why, change in changes.items():
        runs[why] = plan, elsewhere(results, change)
    runs["the sample counts differ"] = plan, [r.model_copy(update={"metrics": (fewer,)}) for r in results]
    for why, made in runs.items():
        run = make_run(*made)
        with pytest.raises(NotComparable, match=why):
            compare(two[0], str(run.path), metric=["fid"])
        run.path.rename(tmp_path / why)
    run = make_run(plan, elsewhere(results, {"processor": "new"}))
    compare(two[0], str(run.path))
    out = capsys.readouterr().out
    assert "B differs: processor was Example Processor @ 2.0 GHz, is new" in out
    assert "the processors differ: Example Processor @ 2.0 GHz here, new there" in out, "speeds are of a machine"
    assert "P(B is better)" in out, "FID is not"


def elsewhere(results: list[CellResult], change: dict[str, object]) -> list[CellResult]:
    """Results whose provenance is another."""
    return [r.model_copy(update={"provenance": r.provenance.model_copy(update=change)}) for r in results]
