"""A baseline's cells planned anew: with what was asked for, and today's defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from condbench import machine
from condbench.gate.baseline import read_baseline
from condbench.gate.planning import plan_cells, plan_suite
from condbench.matrix import plan, replan
from condbench.registry import installed
from condbench.suite import Suite, changed, load_suite
from tests.conftest import ROOT
from tests.gate.made import baseline_of, run_of
from tests.made_runs import Make


def test_what_was_asked_for_is_asked_again() -> None:
    """Whole numbers, fractions, switches and words."""
    registry = installed()
    asked = {"backbones": ["flow[width=16,temperature=0.8]", "ar[order=masked]", "gan"], "conditioners": ["film"]}
    for cell in plan(Suite(name="s", budget="flops=1e9", **asked), registry, None):
        again = replan(cell.cell, cell.provenance.settings, registry, None)
        assert again == cell


def test_a_default_of_then_is_one_of_today() -> None:
    """A stored option that nobody had asked for does not hide that its default has changed."""
    registry = installed()
    (cell,) = plan(Suite(name="s", budget="flops=1e9", backbones=["flow"], conditioners=["film"]), registry, None)
    backbone = cell.cell.backbone
    older = backbone.model_copy(update={"options": {**backbone.options, "steps": 99, "gone": 1}})
    again = replan(cell.cell.model_copy(update={"backbone": older}), cell.provenance.settings, registry, None)
    assert again.cell.backbone == backbone


def test_what_was_asked_for_may_be_the_default_by_now() -> None:
    """By another name, or another identity, its results would not be found: "there is no result of this cell"."""
    registry = installed()
    (cell,) = plan(Suite(name="s", budget="flops=1e9", backbones=["flow"], conditioners=["film"]), registry, None)
    backbone = cell.cell.backbone
    asked = backbone.model_copy(update={"changed": {"steps": backbone.options["steps"]}})
    again = replan(cell.cell.model_copy(update={"backbone": asked}), cell.provenance.settings, registry, None)
    assert again.cell.backbone == asked
    assert again.name != cell.name, "which is that of the cell without options, and may be in the plan as well"


def test_what_only_one_of_suite_and_baseline_has_is_said(make_run: Make, tmp_path: Path) -> None:
    """A cell that was dropped from the suite would be missed by nobody."""
    baseline = baseline_of(run_of(make_run, tmp_path / "run"), tmp_path / "b.json")
    suite = Suite(name="s", budget="flops=1e9", backbones=["flow", "gan"], conditioners=["film", "none"])
    planned = plan_suite(baseline, suite, installed(), None)
    assert planned.notes == (
        "2 cells are not in the baseline, and so not checked",
        "2 cells of the baseline are not in the suite, and so not checked: mnist10k.flow.concat, mnist10k.gan.concat",
    )


def test_a_gpus_baseline_is_not_comparable_where_there_is_none(
    make_run: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    baseline = baseline_of(run_of(make_run, tmp_path / "run"), tmp_path / "b.json")
    settings = baseline.settings.model_copy(update={"device": "cuda"})
    monkeypatch.setattr(machine, "gpus", list)
    planned = plan_cells(baseline.model_copy(update={"settings": settings}), installed(), None)
    assert len(planned.findings) == 8 and not planned.todo
    for finding in planned.findings:
        assert finding.result == "not comparable" and finding.why.startswith("the device 'cuda' is not there")


def test_the_committed_baseline_is_that_of_its_suite() -> None:
    """`tox -e regression` plans what the baseline has: nothing else would notice that the suite has moved on."""
    baseline = read_baseline(ROOT / "benchmarks" / "baselines" / "small.json")
    of_its_machine = {"device": baseline.settings.device, "precision": baseline.settings.precision}
    suite = changed(load_suite(str(ROOT / "benchmarks" / "suites" / "small.toml")), of_its_machine)
    planned = plan_suite(baseline, suite, installed(), None)
    assert planned.notes == ()
    assert {finding.why for finding in planned.findings} <= {"nothing that it depends on has changed"}
    assert all(len(cell.seeds) == 10 for cell in baseline.cells)
