"""What reports show, before they look like anything: sections, values over seeds, sizes, numbers in words."""

from __future__ import annotations

import pytest

from condbench.budget import Budget
from condbench.combinations import Metric
from condbench.results import Distribution, MetricRow
from condbench.statistics import over_seeds
from condbench.store import Run
from condbench_reports import formats, matrix, size
from condbench_reports.combination import Value
from condbench_reports.facts import facts
from condbench_reports.scale import STEPS, Scale
from tests.made_runs import Make, bits, choice, planned, result, rows, solved


def test_every_planned_cell_is_in_the_matrix_with_its_state(full_run: Run) -> None:
    (section,) = matrix.sections(full_run)
    assert len(section.combinations) == 36
    assert matrix.statuses([section]) == {
        "ok": 29, "skipped": 1, "failed": 1, "diverged": 1, "timeout": 1, "out-of-memory": 1, "lost": 1,
        "not run yet": 1,
    }  # fmt: skip


def test_seeds_have_an_interval_and_so_has_the_only_one(make_run: Make) -> None:
    lines = [planned(seed=seed) for seed in range(4)]
    results = [
        result(lines[0], rows(2.0, 0.8, 100.0)),
        result(lines[1], rows(4.0, 0.9, 300.0)),
        result(lines[2], state="diverged", reason="the loss was not finite"),
    ]
    (section,) = matrix.sections(make_run(lines, results))
    (combination,) = section.combinations
    fid = over_seeds([2.0, 4.0], "log")
    assert combination.value("fid") == Value(mean=fid.value, seeds=2, n=1996, low=fid.low, high=fid.high)
    assert combination.value("fid_floor") == Value(mean=0.142, seeds=2, n=1996, low=None, high=None)
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
        "fid_floor 0.142, network_evaluations 16, training_throughput (images/s) 1,540, "
        "flops_per_image (FLOP/image) 88.4 M, training_flops (FLOPs) 5 T, training_seconds (s) 31.4, "
        "matrix_rate (FLOP/s) 1.02 T, model_flop_utilisation (share) 0.156, peak_memory 812 MiB in every cell that "
        "ended ok."
    )


@pytest.mark.parametrize(("last", "note"), [("lower bound (ELBO)", "lower bound (ELBO)"), ("label 3", "")])
def test_a_note_is_kept_where_all_seeds_agree(make_run: Make, last: str, note: str) -> None:
    lines = [planned(seed=seed) for seed in range(3)]
    results = [result(line, [bits(1.2, "lower bound (ELBO)")]) for line in lines[:2]]
    (section,) = matrix.sections(make_run(lines, [*results, result(lines[2], [bits(1.2, last)])]))
    value = section.combinations[0].value("bits_per_dimension")
    assert value is not None and value.note == note


def test_what_is_left_of_several_seeds_has_no_interval(make_run: Make) -> None:
    """Its own would be over samples, where the others' are over seeds."""
    lines = [planned(seed=seed) for seed in range(2)]
    run = make_run(lines, [result(lines[0], rows(2.0, 0.8, 9.0)), result(lines[1], state="diverged")])
    accuracy = matrix.sections(run)[0].combinations[0].value("label_accuracy")
    assert accuracy is not None and (accuracy.mean, accuracy.low, accuracy.high) == (0.8, None, None)


def test_seeds_of_two_processors_have_no_mean_speed_and_the_reason_is_listed(make_run: Make) -> None:
    lines = [planned(seed=seed) for seed in range(2)]
    results = [result(line, rows(2.0 + line.cell.seed, 0.8, 9.0)) for line in lines]
    other = results[1].provenance.model_copy(update={"processor": "new"})
    run = make_run(lines, [results[0], results[1].model_copy(update={"provenance": other})])
    (section,) = matrix.sections(run)
    (combination,) = section.combinations
    why = "the processors differ: Example Processor @ 2.0 GHz and new"
    assert combination.value("sampling_throughput") is None and combination.why("sampling_throughput") == why
    assert combination.value("fid") is not None
    assert {gap.metric for gap in section.gaps if gap.reason == why} >= {"sampling_throughput", "peak_memory"}


def test_rows_of_two_processors_are_not_to_be_compared_by_speed(make_run: Make) -> None:
    lines = [planned(conditioner=name) for name in ("film", "none")]
    results = [result(line, rows(2.0, 0.8, 9.0)) for line in lines]
    other = results[1].provenance.model_copy(update={"processor": "new"})
    run = make_run(lines, [results[0], results[1].model_copy(update={"provenance": other})])
    (section,) = matrix.sections(run)
    sentence = formats.unlike(section)
    assert sentence == (
        "Do not compare sampling_throughput, training_throughput, training_seconds, matrix_rate, "
        "model_flop_utilisation, peak_memory across rows: the processors differ: Example Processor @ 2.0 GHz and new."
    )


def test_a_note_stands_in_the_sentence_of_what_is_the_same_everywhere(make_run: Make) -> None:
    lines = [planned(conditioner=name) for name in ("film", "none")]
    run = make_run(lines, [result(line, [*rows(2.0, 0.8, 9.0)[:1], bits(1.2, "exact")]) for line in lines])
    (section,) = matrix.sections(run)
    assert formats.constants(section) == "bits_per_dimension (bits/dim) 1.20 (exact) in every cell that ended ok."


def test_bounds_of_two_kinds_are_not_the_same_everywhere(make_run: Make) -> None:
    lines = [planned(conditioner=name) for name in ("film", "none")]
    kinds = ("exact", "lower bound (ELBO)")
    results = [
        result(line, [*rows(2.0, 0.8, 9.0)[:1], bits(1.2, kind)]) for line, kind in zip(lines, kinds, strict=True)
    ]
    (section,) = matrix.sections(make_run(lines, results))
    assert section.constants == ()


def test_widths_that_a_track_has_solved_for_make_no_rows_of_their_own(make_run: Make) -> None:
    lines = [
        planned(solved(width), conditioner, track="same-size")
        for width, conditioner in ((50, "none"), (44, "film"), (40, "hyper"))
    ]
    (section,) = matrix.sections(make_run(lines))
    assert section.backbones == ("flow",)
    assert [size.solved(combination) for combination in section.combinations] == ["width=50", "width=44", "width=40"]


def test_two_tracks_are_not_compared(make_run: Make) -> None:
    ours = planned(solved(44), track="same-size").model_copy(update={"name": "sized"})
    parts = matrix.sections(make_run([planned(), ours]))
    assert [formats.heading(part, parts) for part in parts] == ["mnist10k, same backbone", "mnist10k, same size"]


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        (1e6, "+0 %"), (1.0004e6, "+0 %"), (1.004e6, "+0.4 %"), (0.9996e6, "+0 %"), (1.12e6, "+12 %"),
        (0.985e6, "\N{MINUS SIGN}1.5 %"), (1.999e6, "+100 %"), (2.34e6, "\N{MULTIPLICATION SIGN}2.3"),
        (10e6, "\N{MULTIPLICATION SIGN}10"),
    ],
)  # fmt: skip
def test_what_a_conditioner_adds_in_words(make_run: Make, parameters: float, text: str) -> None:
    lines = [planned(conditioner="none"), planned()]
    run = make_run(lines, [result(lines[0], rows(2, 0.1, 9, 1e6)), result(lines[1], rows(2, 0.8, 9, parameters))])
    (section,) = matrix.sections(run)
    bare, film = section.combinations
    assert size.added(section, film, "parameters") == text
    assert size.added(section, bare, "parameters") == ""


def test_what_is_added_is_not_said_without_a_cell_to_compare_with(make_run: Make) -> None:
    lines = [planned(conditioner="none"), planned()]
    run = make_run(lines, [result(lines[0], state="failed"), result(lines[1], rows(2, 0.8, 9))])
    (section,) = matrix.sections(run)
    assert size.added(section, section.combinations[1], "parameters") == ""
    assert list(size.explanation(section)) == []


def test_the_time_that_a_run_was_told_to_end_in_and_what_it_took_once_it_has_ended(make_run: Make) -> None:
    lines = [planned(conditioner=name) for name in ("film", "none")]
    first, last = (
        result(line).model_copy(update={"stages": {"train": seconds}, "started": "2025-03-01T12:00:00+00:00"})
        for line, seconds in zip(lines, (1800.0, 2580.0), strict=True)
    )
    run = make_run(lines, [first], within_seconds=2700.0)
    assert dict(facts(run).conditions)["Time"] == "told to end within 45 min"
    run.write_result(last)
    assert dict(facts(run).conditions)["Time"] == "told to end within 45 min; took 43 min"


def test_a_run_that_was_told_no_time_says_none_and_names_its_track(make_run: Make) -> None:
    conditions = dict(facts(make_run([planned(track="same-size")])).conditions)
    assert "Time" not in conditions and "Guidance" not in conditions
    assert conditions["Track"] == "same size: widths solved for the backbone's own parameters and FLOPs, within 2 %"


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
