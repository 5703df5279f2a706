"""Extractors that disagree are named, with the pair that they disagree about most."""

from __future__ import annotations

import math

import pytest

from condbench.results import MetricRow
from condbench_reports import markdown, matrix
from condbench_reports.agreement import agreement
from condbench_reports.combination import TIMES
from condbench_reports.html import render
from tests.made_runs import Make, planned, result


def fids(**values: float) -> list[MetricRow]:
    return [MetricRow(name=name, value=value, unit="", better="lower", n=1996) for name, value in values.items()]


def test_extractors_that_disagree_are_named_with_the_worst_pair(make_run: Make) -> None:
    made = {"film": (1.0, 8.0), "adain": (2.0, 2.0), "hyper": (4.0, 4.0), "none": (4.1, 3.9)}
    lines = [planned(conditioner=name) for name in made]
    results = [result(line, fids(fid=a, fid_random=b)) for line, (a, b) in zip(lines, made.values(), strict=True)]
    run = make_run(lines, results)
    (section,) = matrix.sections(run)
    (sentence,) = agreement(section)
    assert (
        "fid and fid_random disagree about 3 of 6 pairs of combinations, by more than 10% in both; without several"
        in sentence
    )
    words = sentence.replace(f" {TIMES} ", "+")
    assert "fid prefers flow+film to flow+none (1 against 4.10)" in words
    assert "but fid_random prefers flow+none to flow+film (3.90 against 8)" in words
    assert "disagree about 3 of 6 pairs" in render(run)
    assert "disagree about 3 of 6 pairs" in markdown.render(run)


def test_extractors_that_agree_say_so_and_one_alone_says_nothing(make_run: Make) -> None:
    for sign, words in ((1, "alike."), (-1, "alike, but for some within 10%.")):
        lines = [planned(conditioner=name) for name in ("film", "adain")]
        results = [
            result(line, fids(fid=a, fid_random=3 * a**sign)) for line, a in zip(lines, (1.0, 1.05), strict=True)
        ]
        run = make_run(lines, results)
        (sentence,) = agreement(matrix.sections(run)[0])
        assert sentence == f"fid and fid_random order all pairs of combinations {words}"
        run.path.rename(run.path.with_name(f"run{sign}"))


@pytest.mark.parametrize(("spread", "held"), [(0.02, True), (0.8, False)])
def test_with_seeds_only_what_holds_in_both_is_a_disagreement(make_run: Make, spread: float, held: bool) -> None:
    made = {"film": (1.0, 4.0), "none": (2.0, 2.0)}
    lines = [planned(conditioner=name, seed=seed) for name in made for seed in range(4)]
    factors = [math.exp(spread * by) for by in (-1.0, 0.5, 1.0, -0.5)]
    results = []
    for line in lines:
        a, b = (value * factors[line.cell.seed] for value in made[line.cell.conditioner.name])
        results.append(result(line, fids(fid=a, fid_random=b)))
    (sentence,) = agreement(matrix.sections(make_run(lines, results))[0])
    assert ("disagree about 1 of 1 pairs" in sentence) is held
    assert ("no more than seeds differ" in sentence) is not held


def test_one_extractor_has_nobody_to_disagree_with(make_run: Make) -> None:
    lines = [planned(conditioner=name) for name in ("film", "adain")]
    (section,) = matrix.sections(make_run(lines, [result(line, fids(fid=1.0)) for line in lines]))
    assert list(agreement(section)) == []
