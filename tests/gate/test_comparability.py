"""What must agree with a baseline, one by one, and what may differ, since it is what is being tested."""

from __future__ import annotations

import pytest

from condbench.budget import Budget
from condbench.gate.baseline import gated
from condbench.gate.comparability import changed, obstacle
from condbench.results import Distribution, Provenance
from tests.made_runs import planned

BASE = planned().provenance


def with_settings(of: Provenance, **change: object) -> Provenance:
    return of.model_copy(update={"settings": of.settings.model_copy(update=change)})


def with_budget(of: Provenance, budget: Budget) -> Provenance:
    return of.model_copy(update={"cell": of.cell.model_copy(update={"budget": budget})})


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (BASE.model_copy(update={"data": "other"}), "the data differ"),
        (with_budget(BASE, Budget(flops=1e9)), "the budgets differ"),
        (with_settings(BASE, track="same-size"), "the tracks differ"),
        (with_settings(BASE, samples=500), "the sample counts differ"),
        (BASE.model_copy(update={"assets": {"x:fid": "other"}}), "the weights that fid is measured with differ"),
        (with_settings(BASE, condition_dropout=0.2), "the shares of dropped conditions differ"),
        (with_settings(BASE, encoders=("x:other",)), "the condition encoders differ"),
        (with_settings(BASE, device="cuda:0"), "the kinds of device differ"),
        (with_settings(BASE, precision="fp32"), "the precisions differ"),
    ],
)
def test_what_must_agree(head: Provenance, said: str) -> None:
    assert obstacle(BASE, head, "fid").startswith(f"{said}: ")
    assert obstacle(head, BASE, "fid").startswith(f"{said}: ")
    assert obstacle(BASE, BASE, "fid") == obstacle(head, head, "fid") == ""


@pytest.mark.parametrize(
    "head",
    [
        BASE.model_copy(update={"libraries": {"torch": "3.0"}}),
        BASE.model_copy(update={"distributions": {"condbench": Distribution(version="9", digest="other")}}),
        BASE.model_copy(update={"processor": "another"}),
        with_settings(BASE, threads=7),
        BASE.model_copy(update={"assets": BASE.assets | {"x:label_accuracy": "of another metric"}}),
    ],
)
def test_what_is_tested_may_differ_and_is_listed(head: Provenance) -> None:
    assert obstacle(BASE, head, "fid") == ""
    assert changed(BASE, head)


def test_one_gpu_or_another_is_the_same_kind() -> None:
    assert obstacle(with_settings(BASE, device="cuda:0"), with_settings(BASE, device="cuda:1"), "fid") == ""


def test_seconds_are_of_one_machine() -> None:
    base = with_budget(BASE, Budget(seconds=30))
    assert "processors differ" in obstacle(base, base.model_copy(update={"processor": "another"}), "fid")
    assert "threads per cell differ" in obstacle(base, with_settings(base, threads=7), "fid")


def test_another_seed_or_a_library_of_an_absent_plugin_is_no_change() -> None:
    seed = planned(seed=3).provenance
    assert changed(BASE.model_copy(update={"libraries": {**BASE.libraries, "a-plugins": "1"}}), seed) == []


def test_what_else_a_suite_measures_does_not_matter() -> None:
    """A nightly run with sweeps and more metrics serves as well, and only what is gated counts as a change."""
    more = with_settings(
        BASE,
        metrics=(*BASE.settings.metrics, "x:kid"),
        guidance_scales=(2.0,),
        guidance_metrics=("x:kid",),
        checkpoint_shares=(0.5,),
        checkpoint_metrics=("x:kid",),
        redraws=2,
        redraw_metrics=("x:kid",),
    )
    theirs = {"x": Distribution(version="1", digest="other")}
    more = more.model_copy(
        update={"distributions": BASE.distributions | theirs, "assets": BASE.assets | {"x:kid": "other"}}
    )
    assert gated(more) == gated(BASE)
