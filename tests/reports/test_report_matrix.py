from __future__ import annotations

import pytest

from condbench.budget import Budget
from condbench.results import Distribution, MetricRow
from condbench.store import Run
from condbench_reports import formats, matrix
from condbench_reports.facts import facts
from condbench_reports.matrix import Metric
from condbench_reports.scale import STEPS, Scale
from tests.made_runs import Make, choice, planned, result, rows


def test_every_planned_cell_is_in_the_matrix_with_its_state(full_run: Run) -> None:
    (section,) = matrix.sections(full_run)
    assert len(section.combinations) == 36
    assert matrix.statuses([section]) == {
        "ok": 29, "skipped": 1, "failed": 1, "diverged": 1, "timeout": 1, "out-of-memory": 1, "lost": 1,
        "not run yet": 1,
    }  # fmt: skip


def test_seeds_are_averaged_and_the_only_seeds_interval_is_kept(make_run: Make) -> None:
    lines = [planned(seed=seed) for seed in range(4)]
    results = [
        result(lines[0], rows(2.0, 0.8, 100.0)),
        result(lines[1], rows(4.0, 0.9, 300.0)),
        result(lines[2], state="diverged", reason="the loss was not finite"),
    ]
    (section,) = matrix.sections(make_run(lines, results))
    (combination,) = section.combinations
    fid = combination.value("fid")
    assert fid == matrix.Value(mean=3.0, seeds=2, n=1996, low=None, high=None)
    accuracy = combination.value("label_accuracy")
    assert accuracy is not None and accuracy.low is None, "the mean of two seeds has no measured interval"
    assert combination.status == "2 ok, 1 diverged, 1 not run yet"


def test_numbers_of_a_cell_that_did_not_end_ok_are_not_compared(make_run: Make) -> None:
    line = planned()
    run = make_run([line], [result(line, rows(2.0, 0.8, 100.0), state="timeout", reason="not done after 600 s")])
    (section,) = matrix.sections(run)
    assert section.combinations[0].value("fid") is None
    assert section.combinations[0].why("fid") == "not done after 600 s"


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_value_that_is_not_finite_is_no_value_and_has_a_reason(make_run: Make, value: float | None) -> None:
    line = planned()
    row = MetricRow(name="fid", value=value, unit="", better="lower")
    (section,) = matrix.sections(make_run([line], [result(line, [row])]))
    assert section.combinations[0].value("fid") is None
    assert section.combinations[0].why("fid") == "its value is not a finite number"
    assert [unmeasured.name for unmeasured in section.trials[0].unmeasured] == ["fid"]


def test_datasets_and_budgets_are_sections_and_options_are_rows(make_run: Make) -> None:
    lines = [
        planned(dataset="mnist10k"),
        planned(dataset="mnist10k", backbone=choice("flow", width=64)),
        planned(dataset="fashion-mnist"),
        planned(dataset="fashion-mnist", budget=Budget(seconds=30), seed=1),
    ]
    parts = matrix.sections(make_run(lines))
    assert [(part.dataset, formats.budget(part.budget)) for part in parts] == [
        ("mnist10k", "5 TFLOPs"),
        ("fashion-mnist", "5 TFLOPs"),
        ("fashion-mnist", "30 s"),
    ]
    assert parts[0].backbones == ("flow", "flow[width=64]")


def test_two_plugins_of_one_name_are_told_apart(make_run: Make) -> None:
    theirs = choice("flow").model_copy(update={"distribution": "acme-flows"})
    lines = [planned(), planned(backbone=theirs).model_copy(update={"name": "mnist10k.acme-flows~flow.film.s0"})]
    (section,) = matrix.sections(make_run(lines))
    assert section.backbones == ("condbench:flow", "acme-flows:flow")


def test_the_best_comes_first_and_what_has_no_value_last(full_run: Run) -> None:
    (section,) = matrix.sections(full_run)
    means = [value.mean if (value := c.value("fid")) else None for c in section.ranked()]
    found = [mean for mean in means if mean is not None]
    assert found == sorted(found)
    assert means[len(found) :] == [None] * (36 - len(found))


def test_a_run_with_its_own_metrics_gets_matrices_of_those_with_a_direction(make_run: Make) -> None:
    line = planned()
    metrics = [
        MetricRow(name="word_error_rate", value=0.2, unit="fraction", better="lower"),
        MetricRow(name="parameters", value=10.0, unit="", better="neither"),
    ]
    (section,) = matrix.sections(make_run([line], [result(line, metrics)]))
    assert [metric.name for metric in section.key_metrics] == ["word_error_rate"]


def test_key_metrics_lead_the_columns_and_what_is_the_same_everywhere_has_none(make_run: Make) -> None:
    lines = [planned(conditioner=name) for name in ("film", "adain", "none")]
    late = [*rows(2.0, 0.8, 100.0)[1:], rows(2.0, 0.8, 100.0)[0]]
    changed = [row.model_copy(update={"value": 7.0}) if row.name == "parameters" else row for row in late]
    results = [result(lines[0], late), result(lines[1], changed), result(lines[2], state="failed", reason="no")]
    (section,) = matrix.sections(make_run(lines, results))
    assert [metric.name for metric in section.columns] == [*matrix.KEY_METRICS, "parameters"]
    assert formats.constants(section) == (
        "fid_floor 0.142, network_evaluations 16, training_throughput (images/s) 1,540, training_flops (FLOPs) 5 T, "
        "training_seconds (s) 31.4, peak_memory 812 MiB in every cell that ended ok."
    )


def test_a_leaderboard_of_one_row_keeps_its_columns(make_run: Make) -> None:
    line = planned()
    (section,) = matrix.sections(make_run([line], [result(line, rows(2.0, 0.8, 100.0))]))
    assert section.constants == ()
    assert len(section.columns) == len(section.metrics)


def test_a_unit_that_is_the_metrics_name_is_not_shown() -> None:
    assert formats.shown_unit(Metric("parameters", "parameters", "neither", "")) == ""
    assert formats.shown_unit(Metric("training_seconds", "s", "neither", "")) == "s"


@pytest.mark.parametrize(
    ("harness", "words"),
    [("0.1.0", "condbench 0.1.0, "), ("0.2.0", "condbench (harness) 0.2.0, condbench 0.1.0, ")],
)
def test_one_version_of_harness_and_plugins_is_named_once(make_run: Make, harness: str, words: str) -> None:
    line = planned()
    both = {"condbench (harness)": Distribution(version=harness, digest="1f"), **line.provenance.distributions}
    provenance = line.provenance.model_copy(update={"distributions": both})
    run = make_run([line.model_copy(update={"provenance": provenance})])
    assert dict(facts(run).conditions)["Versions"] == f"{words}torch 2.14.1, numpy 2.4.6"


def test_equal_ratios_of_fid_are_equal_steps_and_the_best_is_the_last() -> None:
    scale = Scale.over([100.0, 1.0, 10.0], Metric("fid", "", "lower", ""))
    assert scale.logarithmic
    assert [scale.step(value) for value in (100.0, 10.0, 1.0)] == [0, STEPS // 2, STEPS - 1]


def test_a_scale_takes_values_that_have_no_logarithm_and_values_that_are_all_equal() -> None:
    scale = Scale.over([-0.001, 4.0], Metric("fid", "", "lower", ""))
    assert not scale.logarithmic
    assert (scale.step(4.0), scale.step(-0.001)) == (0, STEPS - 1)
    assert Scale.over([0.5], Metric("label_accuracy", "", "higher", "")).step(0.5) == STEPS - 1


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0, "", "0"),
        (0.04213, "", "0.0421"),
        (4.0001, "", "4.00"),
        (16.0, "", "16"),
        (99.96, "", "100"),
        (1540.4, "images/s", "1,540"),
        (5.21e12, "FLOPs", "5.21 T"),
        (812 * 2**20, "bytes", "812 MiB"),
        (12.0, "bytes", "12 B"),
    ],
)
def test_numbers_have_three_digits(value: float, unit: str, text: str) -> None:
    assert formats.number(value, unit) == text
