"""What reports draw: the guidance sweep and quality over compute, and the axes of both."""

from __future__ import annotations

import pytest

from condbench_reports import chart as drawing
from condbench_reports import curves, guidance, matrix, trade
from tests.made_runs import Make, checkpoint, choice, guided, planned, result, rows


def test_the_unguided_value_is_the_main_tables_and_stands_at_scale_1(make_run: Make) -> None:
    line = planned()
    swept = [guided(0.0, 9.0, 0.1), guided(2.0, 0.9, 0.97)]
    (section,) = matrix.sections(make_run([line], [result(line, rows(2.0, 0.8, 100.0), sweep=swept)]))
    found = guidance.sweep(section)
    assert found is not None and found.scales == (0.0, 1.0, 2.0)
    (row,) = found.rows
    fids = [value.mean for scale in found.scales if (value := row.at("fid", scale)) is not None]
    assert fids == [9.0, 2.0, 0.9]
    assert [row.best(metric) for metric in found.metrics] == [2.0, 2.0]
    assert row.at("sampling_throughput", 1.0) is None, "only what was measured at the other scales too"
    value = section.combinations[0].value("fid")
    assert value is not None and value.mean == 2.0, "the main table stays unguided"


def test_a_cell_whose_own_option_guides_it_does_not_pass_for_unguided(make_run: Make) -> None:
    line = planned(choice("flow", guidance=1.5))
    (section,) = matrix.sections(make_run([line], [result(line, rows(2.0, 0.8, 9.0), sweep=[guided(3.0, 3.0, 0.9)])]))
    found = guidance.sweep(section)
    assert found is not None and found.scales == (1.5, 3.0)


def test_lines_run_through_their_scales_and_the_better_is_lower_right(make_run: Make) -> None:
    line = planned()
    swept = [guided(4.0, 4.0, 0.99), guided(2.0, 1.0, 0.9)]
    (section,) = matrix.sections(make_run([line], [result(line, rows(2.0, 0.8, 9.0), sweep=swept)]))
    found = guidance.sweep(section)
    assert found is not None
    (chart,) = trade.charts(found)
    first, second, third = chart.lines[0].dots
    assert (first.hollow, second.hollow, third.hollow) == (True, False, False)
    assert first.x < second.x < third.x <= drawing.WIDTH
    assert 0 <= third.y < first.y < second.y <= drawing.HEIGHT
    assert abs((second.y - first.y) - (first.y - third.y)) < 0.2, "equal ratios of fid are equal distances"


def test_a_curve_runs_through_its_checkpoints_to_the_end_averaged_over_the_seeds(make_run: Make) -> None:
    lines = [planned(seed=seed, shares=(0.1, 0.5)) for seed in (0, 1)]
    results = [
        result(line, rows(fid, 0.9, 9.0), checkpoints=[checkpoint(0.1, 16 * fid, 0.2), checkpoint(0.5, 4 * fid, 0.6)])
        for line, fid in zip(lines, (1.0, 3.0), strict=True)
    ]
    (section,) = matrix.sections(make_run(lines, results))
    found = curves.curves(section)
    assert found is not None and found.shares == (0.1, 0.5)
    (row,) = found.rows
    means = [(stop.flops, round(stop.values["fid"].mean / 3**0.5, 9)) for stop in row.stops]
    assert means == [(5e11, 16.0), (2.5e12, 4.0), (5e12, 1.0)], "the geometric mean of 1 and 3, times 16, 4 and 1"
    fid = next(metric for metric in found.metrics if metric.name == "fid")
    (drawn,) = found.charts(fid)
    first, second, third = drawn.lines[0].dots
    assert first.x < second.x < third.x and first.y < second.y < third.y, "later is further right, and better is lower"
    assert (first.hollow, second.hollow, third.hollow) == (True, True, False)
    assert drawn.lines[0].words == "500 G: fid 27.7; 2.50 T: fid 6.93; 5 T: fid 1.73"


def test_a_section_without_checkpoints_has_no_curves(make_run: Make) -> None:
    line = planned()
    (section,) = matrix.sections(make_run([line], [result(line, rows(2.0, 0.8, 9.0))]))
    assert curves.curves(section) is None


@pytest.mark.parametrize(("values", "logarithmic"), [([0.2, 31.0], True), ([0.91, 0.9931], False), ([3.0], True)])
def test_an_axis_has_a_few_round_ticks_within_its_ends(values: list[float], logarithmic: bool) -> None:
    ticks = drawing.Axis.over(values, 10, 110, logarithmic=logarithmic).ticks
    assert 1 <= len(ticks) <= 5
    assert all(10 <= tick.at <= 110 for tick in ticks)
