"""What a test is given: values on their scale with the worse side up, and what cannot be tested is said."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from condbench.errors import UserError
from condbench.gate.baseline import GatedMetric
from condbench.gate.decision import Errors, decide
from condbench.gate.judging import Trial, heads, judge
from condbench.gate.outcome import Finding
from condbench.results import CellResult, MetricRow
from tests.gate.made import WORSE, baseline_of, run_of
from tests.made_runs import Make

FID = GatedMetric(name="fid", unit="", better="lower", n=1996)
ACCURACY = GatedMetric(name="label_accuracy", unit="fraction", better="higher", n=1000)


def logit(share: float) -> float:
    return math.log(share / (1 - share))


def test_a_fid_is_a_logarithm_and_larger_is_worse() -> None:
    evidence = Trial("c", FID, (1.0, 2.0), (3.0, 4.0), "seeds", 1996, 0).evidence()
    assert evidence.base == pytest.approx((0.0, math.log(2)))
    assert evidence.head == pytest.approx((math.log(3), math.log(4)))
    assert evidence.noise == 0.0 and evidence.visible == pytest.approx(math.log(2))


@pytest.mark.parametrize(("typical", "fallen"), [(0.9, 0.8), (0.12, 0.06)])
def test_an_accuracy_is_a_logit_and_smaller_is_worse(typical: float, fallen: float) -> None:
    """It must be able to see a fall by 0.1, or by half where there is less; and is no surer than its samples allow."""
    evidence = Trial("c", ACCURACY, (typical,) * 3, (0.05,) * 3, "seeds", 1000, 0).evidence()
    assert evidence.base == pytest.approx((-logit(typical),) * 3)
    assert evidence.head[0] > evidence.base[0]
    assert evidence.visible == pytest.approx(logit(typical) - logit(fallen))
    assert evidence.noise == pytest.approx(1 / (1000 * typical * (1 - typical)))


def test_an_accuracy_of_1_has_the_noise_of_half_a_miss() -> None:
    evidence = Trial("c", ACCURACY, (1.0,) * 3, (0.9,) * 3, "seeds", 1000, 0).evidence()
    assert evidence.noise == pytest.approx(1 / (1000 * 0.9995 * 0.0005))


@pytest.mark.parametrize("metric", [FID, ACCURACY])
def test_what_would_have_been_seen_is_on_the_worse_side(metric: GatedMetric) -> None:
    trial = Trial("c", metric, (0.88, 0.9, 0.92), (0.89, 0.9, 0.91), "seeds", metric.n, 0)
    (decision,) = decide([trial.evidence()], Errors())
    smallest = trial.finding(decision).smallest
    assert smallest is not None and (smallest > 0.92 if metric is FID else smallest < 0.88)


def findings(
    make_run: Make, at: Path, change: Callable[[CellResult], CellResult], metric: str = "fid"
) -> dict[str, Finding]:
    """Of a metric, by cell, where the results of one cell are changed."""
    baseline = baseline_of(run_of(make_run, at / "base", seed=1), at / "b.json")
    run = run_of(make_run, at / "head", lambda one: change(one) if one.name.startswith(WORSE) else one, seed=2)
    found = judge(baseline, heads(run), baseline.cells).findings(Errors())
    return {one.cell: one for one in found if one.metric == metric}


def with_fid(one: CellResult, **change: object) -> CellResult:
    def row(metric: MetricRow) -> MetricRow:
        return metric.model_copy(update=change) if metric.name == "fid" else metric

    return one.model_copy(update={"metrics": tuple(map(row, one.metrics))})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"value": None, "reason": "a singular covariance"}, "fid has no value: a singular covariance"),
        ({"value": math.nan, "reason": ""}, "fid has no value"),
        ({"name": "another"}, "fid has no value: it was not measured"),
        ({"value": 0.0}, "fid: a value is not positive"),
    ],
)
def test_one_seed_without_a_value_fails_its_cell_and_no_other(
    make_run: Make, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    of = findings(make_run, tmp_path, lambda one: with_fid(one, **change) if one.name.endswith(".s4") else one)
    assert of[WORSE].result == "failed" and said in of[WORSE].why
    assert {finding.result for cell, finding in of.items() if cell != WORSE} == {"pass"}


@pytest.mark.parametrize(("drawn", "stage"), [(0, "same samples"), (1, "seeds")])
def test_the_same_values_of_other_samples_are_not_the_same(
    make_run: Make, tmp_path: Path, drawn: int, stage: str
) -> None:
    """A FID is rounded, and an accuracy is a count: both may agree by chance."""
    base, head = (run_of(make_run, tmp_path / name, seed=1) for name in ("base", "head"))
    for run, more in ((base, 0), (head, drawn)):
        for number, planned in enumerate(run.plan):
            images = np.full((2, 1, 28, 28), number + more, np.uint8)
            np.savez(run.cell_path(planned.name) / "samples.npz", images=images, labels=np.arange(2))
    baseline = baseline_of(base, tmp_path / "b.json")
    found = judge(baseline, heads(head), baseline.cells).findings(Errors())
    assert {(one.result, one.stage) for one in found} == {("pass", stage)}


def test_pairs_are_of_the_same_seed(make_run: Make, tmp_path: Path) -> None:
    """The baseline has seeds 0 to 9, head 3 to 9 and then others: what a seed is like cancels, if it is that seed's."""
    alike = np.random.default_rng(5).normal(size=20)

    def of_seed(one: CellResult, factor: float) -> CellResult:
        return with_fid(one, value=factor * math.exp(0.3 * alike[one.provenance.cell.seed]))

    base = run_of(make_run, tmp_path / "base", lambda one: of_seed(one, 1.0), seed=1)
    head = run_of(make_run, tmp_path / "head", lambda one: of_seed(one, 1.2), seed=2, seeds=13)
    kept = {name: replace(one, results=one.results[3:]) for name, one in heads(head).items()}
    baseline = baseline_of(base, tmp_path / "b.json")
    found = judge(baseline, kept, baseline.cells)
    assert {evidence.paired for _, evidence in found.open} == {7}
    assert {one.result for one in found.findings(Errors()) if one.metric == "fid"} == {"regressed"}


def test_samples_that_were_damaged_are_a_sentence(make_run: Make, tmp_path: Path) -> None:
    run = run_of(make_run, tmp_path / "run")
    (run.cell_path(f"{WORSE}.s0") / "samples.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(UserError, match=r"samples.npz' is damaged \(.*\): restore it, or delete it"):
        baseline_of(run, tmp_path / "b.json")


def test_what_is_skipped_now_is_not_comparable(make_run: Make, tmp_path: Path) -> None:
    skipped = {"state": "skipped", "reason": "film needs sites", "metrics": ()}
    of = findings(make_run, tmp_path, lambda one: one.model_copy(update=skipped))
    assert (of[WORSE].result, of[WORSE].why) == ("not comparable", "it is skipped now: film needs sites")
