"""`--within`, `--track same-size`, a suite's guidance sweep and its checkpoints, through the command line."""

from __future__ import annotations

import time

import pytest

from condbench.store import Run
from tests.conftest import Condbench

SWEEP = """
name = "sweep"
backbones = ["flow"]
conditioners = ["film", "none"]
budget = "samples=300"
samples = 100
metrics = ["kid", "label_accuracy"]
[guidance]
scales = [0.0, 3.0]
metrics = ["label_accuracy"]
[checkpoints]
shares = [0.25, 0.5]
metrics = ["label_accuracy"]
[redraws]
count = 2
metrics = ["kid"]
"""


@pytest.mark.timed
def test_a_run_ends_in_the_time_it_was_given(condbench: Condbench) -> None:
    start = time.monotonic()
    condbench("run", "--suite", "smoke", "-b", "vae", "-c", "film,none", "--within", "40s", "--out", "run")
    took = time.monotonic() - start
    assert "2 cells," in condbench.err and "FLOPs each" in condbench.err, "what each cell gets is said beforehand"
    run = Run(condbench.cwd / "run")
    assert run.info.within_seconds == 40
    assert len({planned.cell.budget for planned in run.plan}) == 1
    assert all(result.state == "ok" and result.ended_by == "flops" for result in run.results())
    assert sum(planned.forecast_seconds or 0 for planned in run.plan) < 40
    # Two cells, beside whatever else this machine does: the band is wide. Fifteen percent are for whole matrices.
    assert 20 < took < 90, f"it took {took:.0f} s"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--within", "5s"), "too short"),
        (("--within", "45m", "--budget", "flops=1e12"), "chooses the budget"),
        (("--within", "soon"), "45m"),
    ],
)
def test_a_time_that_cannot_be_kept_is_refused(condbench: Condbench, arguments: tuple[str, ...], words: str) -> None:
    condbench("run", "--suite", "smoke", "-b", "vae", "-c", "film", *arguments, code=2)
    assert words in condbench.err
    assert not (condbench.cwd / "runs").exists()


def test_sizes_are_solved_for_and_hold(condbench: Condbench) -> None:
    arguments = ("-b", "gan", "-c", "none,film,label-sampling", "--budget", "samples=300")
    condbench("run", "--suite", "smoke", *arguments, "--track", "same-size", "--out", "run")
    results = {result.provenance.cell.conditioner.name: result for result in Run(condbench.cwd / "run").results()}
    assert (
        results["label-sampling"].state == "skipped"
        and "no widths make it as large" in results["label-sampling"].reason
    )
    none, film = ({row.name: row.value for row in results[name].metrics} for name in ("none", "film"))
    for row in ("parameters", "flops_per_image"):
        assert film[row] == pytest.approx(none[row], rel=0.04)  # each within 2 % of the backbone alone
        assert film[row] != none[row]
    assert results["film"].provenance.cell.backbone.sized and not results["film"].provenance.cell.backbone.changed


def test_one_trained_cell_is_sampled_at_every_scale_and_as_it_was_on_its_way(condbench: Condbench) -> None:
    (condbench.cwd / "sweep.toml").write_text(SWEEP)
    condbench("run", "--suite", "sweep.toml", "--out", "run")
    film, none = Run(condbench.cwd / "run").results()
    assert [guided.scale for guided in film.guided] == [0.0, 3.0]
    assert {row.name for guided in film.guided for row in guided.metrics} == {"label_accuracy"}
    assert none.guided == (), "there is nothing to lean towards"
    for result in (film, none):
        assert [round(earlier.progress, 1) for earlier in result.checkpoints] == [0.3, 0.5], "at the next whole step"
        assert [{row.name for row in earlier.metrics} for earlier in result.checkpoints] == [{"label_accuracy"}] * 2
        assert [redraw.seed for redraw in result.redraws] == [1, 2]
    sets = (film.metrics, *(redraw.metrics for redraw in film.redraws))
    assert len({row.value for rows in sets for row in rows if row.name == "kid"} - {None}) == 3, "from other noise each"
    table = Run(condbench.cwd / "run").table()
    assert sorted(table.redraw.dropna().unique()) == [0, 1, 2]
    assert sorted(table.progress.dropna().unique().round(1)) == [0.3, 0.5]
    condbench("sample", "run/cells/mnist10k.flow.film.s0", "--guidance", "2", "--count", "4", "--out", "two.png")
    condbench("sample", "run/cells/mnist10k.flow.none.s0", "--guidance", "2", "--out", "two.png", code=2)
    assert "cannot be guided" in condbench.err
    condbench("sample", "run/cells/mnist10k.flow.film.s0", "--guidance", "1e38", "--out", "three.png", code=2)
    assert "samples are not finite" in condbench.err and not (condbench.cwd / "three.png").exists()


def test_a_model_beyond_the_limit_of_memory_does_not_take_the_machine(condbench: Condbench) -> None:
    """It counts as a cell that cannot be built: it costs the other nothing, and will say itself what became of it."""
    arguments = ("-b", "flow[width=40000],vae", "-c", "none", "--within", "45s")
    condbench("run", "--suite", "smoke", *arguments, "--dry-run")
    (large,) = [line for line in condbench.err.splitlines() if line.startswith("mnist10k.flow")]
    assert " 0 images" in large and "will fail: " in large
