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
from condbench.results import CellResult, MetricRow, PlannedCell
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
    settings = plan[0].provenance.settings
    changes = {
        "the data differ": {"data": "other"},
        "the weights that fid is measured with differ": {"assets": {"condbench:fid": "other"}},
        "the tracks differ": {"settings": settings.model_copy(update={"track": "same-size"})},
        "the sample counts differ": {"settings": settings.model_copy(update={"samples": 500})},
    }
    runs = {"the budgets differ": cells(seed=3, budget=Budget(flops=1e12))}
    for why, change in changes.items():
        runs[why] = plan, elsewhere(results, change)
    for why, made in runs.items():
        run = make_run(*made)
        with pytest.raises(NotComparable, match=why):
            compare(two[0], str(run.path), metric=["fid"])
        run.path.rename(tmp_path / why)
    run = make_run(plan, elsewhere(results, {"processor": "new"}))
    compare(two[0], str(run.path))
    out = capsys.readouterr().out
    assert "B differs: processor was Example Processor @ 2.0 GHz, is new" in out
    assert "the processors differ: Example Processor @ 2.0 GHz and new" in out, "speeds are of a machine"
    assert "P(B is better)" in out, "FID is not"


@pytest.mark.parametrize("metric", ["peak_memory", "model_flop_utilisation", "training_seconds"])
def test_what_is_of_a_machine_is_not_compared_across_machines(
    two: tuple[str, str], make_run: Make, metric: str
) -> None:
    plan, results = cells(seed=3)
    run = make_run(plan, elsewhere(results, {"processor": "new"}))
    with pytest.raises(NotComparable, match="the processors differ"):
        compare(two[0], str(run.path), metric=[metric])


def test_the_worst_labels_own_counts_and_a_seed_without_a_value_keep_nothing_out(
    make_run: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which label is worst, and so how many samples it has, differs by seed; a metric may fail on one of them."""
    plan, _ = cells()
    made = [
        result(
            line,
            [
                MetricRow(
                    name="label_accuracy_worst", value=0.5 + seed / 100, unit="share", better="higher", n=190 + seed
                )
            ],
        )
        for seed, line in enumerate(plan)
    ]
    row = made[0].metrics[0].model_copy(update={"value": None, "n": None, "reason": "too few"})
    made[0] = made[0].model_copy(update={"metrics": (row,)})
    compare(str(make_run(plan, made).path), metric=["label_accuracy_worst"])
    out = capsys.readouterr().out
    assert "Not compared" not in out and "What logit label_accuracy_worst is due to" in out


def test_what_pairs_refuse_is_not_pooled_either(make_run: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """A table whose second half was made on another processor: its FIDs are analysed, its speeds are not."""
    plan, results = cells()
    half = len(results) // 2
    run = make_run(plan, [*results[:half], *elsewhere(results[half:], {"processor": "new"})])
    compare(str(run.path), metric=["fid", "sampling_throughput"])
    out = capsys.readouterr().out
    assert "What log fid is due to on mnist10k (30 trainings" in out
    assert "What sampling_throughput is due to on mnist10k cannot be said: the processors differ" in out


def test_what_differs_is_looked_for_in_every_seed(
    two: tuple[str, str], make_run: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, results = cells(seed=3)
    last = [r if r.provenance.cell.seed < 4 else elsewhere([r], {"processor": "new"})[0] for r in results]
    compare(two[0], str(make_run(plan, last).path), metric=["fid"])
    assert "B differs: processor was Example Processor @ 2.0 GHz, is new" in capsys.readouterr().out


def elsewhere(results: list[CellResult], change: dict[str, object]) -> list[CellResult]:
    """Results whose provenance is another."""
    return [r.model_copy(update={"provenance": r.provenance.model_copy(update=change)}) for r in results]
