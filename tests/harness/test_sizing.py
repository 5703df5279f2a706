"""The track *same size*: widths are solved for, and a model that is not as large as its track says is noticed."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condbench import probing
from condbench.budget import Budget
from condbench.cell import Life, _live_guarded
from condbench.cli.planning import make_plan
from condbench.matrix import plan
from condbench.probing import Probe, Question
from condbench.registry import installed
from condbench.results import Size
from condbench.sizing import solve
from condbench.suite import changed, load_suite
from condbench.tracks import same_size

START = (48, 96)


def unet(widths: tuple[int, ...], parameters: float = 0.0, flops: float = 0.0) -> Size:
    """A made-up network of two levels, whose first has four times the positions, and what a conditioner adds."""
    fine, coarse = widths
    return Size(
        parameters=40 * fine**2 + 36 * coarse**2 + 8 * fine * coarse + 1000 + parameters * (2 * fine + 4 * coarse),
        flops_per_image=6 * (196 * 36 * fine**2 + 49 * 36 * coarse**2) + flops * (196 * fine + 49 * coarse),
    )


@settings(max_examples=60)
@given(parameters=st.floats(0, 400), flops=st.floats(0, 400))
def test_widths_are_found_that_make_up_for_what_a_conditioner_adds(parameters: float, flops: float) -> None:
    target = unet(START)
    looks = []

    def weigh(widths: tuple[int, ...]) -> Size:
        looks.append(widths)
        return unet(widths, parameters, flops)

    solution = solve(weigh, START, (1, 1), target)
    assert solution is not None
    assert solution.size == unet(solution.widths, parameters, flops)
    assert solution.size.agrees(target), solution.size.difference(target)
    assert len(looks) <= 24, "each look builds a model"


def test_what_cannot_be_reached_is_approached_and_does_not_agree() -> None:
    target = unet(START)
    solution = solve(lambda widths: unet((widths[0], 2 * widths[0]), 5000), START[:1], (1,), target)
    assert solution is not None and not solution.size.agrees(target)


def test_widths_that_are_not_allowed_are_left_out() -> None:
    target = unet(START)
    solution = solve(lambda w: unet(w, 100) if w[0] % 2 == 0 else None, START, (2, 1), target)
    assert solution is not None and solution.widths[0] % 2 == 0 and solution.size.agrees(target)
    assert solve(lambda widths: None, START, (1, 1), target) is None


@pytest.mark.parametrize(("parameters", "flops", "fits"), [(1.019, 1.0, True), (1.05, 1.0, False), (1.0, 0.95, False)])
def test_a_cell_that_is_not_as_large_as_its_track_says_fails(
    tmp_path: Path, parameters: float, flops: float, fits: bool
) -> None:
    """A real cell, whose plan asks for a size that is off by so much."""
    asked = {"backbones": ["vae"], "conditioners": ["film"], "budget": Budget(samples=600), "samples": 100}
    planned = plan(changed(load_suite("smoke"), asked), installed(), None)[0]
    planned = _with_metrics(planned, ())
    life = Life(planned, tmp_path, installed(), lambda stage, progress: None)
    rows = {row.name: row.value for row in life.live().metrics}
    target = Size(parameters=rows["parameters"] / parameters, flops_per_image=rows["flops_per_image"] / flops)
    result = _live_guarded(
        Life(planned.model_copy(update={"size": target}), tmp_path, installed(), lambda stage, progress: None)
    )
    assert result.state == ("ok" if fits else "failed")
    assert fits or "not as large as the track same-size asks for" in result.reason


def test_what_cannot_be_built_stays_in_the_plan_to_fail_by_itself() -> None:
    asked = {"backbones": ["vae", "gan"], "conditioners": ["film", "none"], "track": "same-size"}
    planned = plan(changed(load_suite("smoke"), asked), installed(), None)

    class Fake:
        def ask(self, question: Question) -> Probe:
            cell = question.planned.cell
            broken = cell.backbone.name == "gan" or (cell.conditioner.name == "film" and not question.alone)
            return Probe(error="ValueError: no") if broken else Probe(parameters=10, flops_per_image=10)

    sized = same_size(planned, installed(), Fake(), lambda what: None)  # type: ignore[arg-type]
    assert [p.name for p in sized] == [p.name for p in planned]
    assert not any(p.skip for p in sized)


def test_widths_that_are_no_options_skip_the_cell_and_name_the_backbone() -> None:
    planned = plan(
        changed(load_suite("smoke"), {"backbones": ["stylegan"], "conditioners": ["film"]}), installed(), None
    )

    class Fake:
        def ask(self, question: Question) -> Probe:
            return Probe(parameters=10, flops_per_image=10)

    for wrong in ("widht", "mixing"):
        spec = replace(installed().backbones.get("stylegan").spec, sizes=("width", wrong))
        registry = SimpleNamespace(backbones=SimpleNamespace(get=lambda name, spec=spec: SimpleNamespace(spec=spec)))
        (sized,) = same_size(planned, registry, Fake(), lambda what: None)  # type: ignore[arg-type]
        assert sized.skip == f"stylegan names widths that are no integer options of it (width, {wrong})"


def test_nothing_is_left_of_the_line_that_says_what_is_solved_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Fake:
        def __enter__(self) -> Fake:
            return self

        def __exit__(self, *exception: object) -> None:
            pass

        def ask(self, question: Question) -> Probe:
            return Probe(parameters=10, flops_per_image=10)

    monkeypatch.setattr(probing, "Prober", Fake)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    suite = changed(load_suite("smoke"), {"backbones": ["gan"], "conditioners": ["film"], "track": "same-size"})
    make_plan(suite, installed(), None, within_seconds=None, started=0.0, jobs=1, need_data=True)
    assert capsys.readouterr().err == "\r\x1b[Ksolving for the widths of gan x film\r\x1b[K"


def _with_metrics(planned, metrics):
    settings = planned.provenance.settings.model_copy(update={"metrics": metrics})
    return planned.model_copy(update={"provenance": planned.provenance.model_copy(update={"settings": settings})})
