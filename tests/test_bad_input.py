"""A user's mistake gets one sentence, exit code 2, no traceback, and leaves nothing half-written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Condbench

PLAIN = {
    "unknown backbone": (("run", "-b", "flwo", "-c", "film"), "did you mean 'flow'"),
    "unknown conditioner": (("run", "-b", "flow", "-c", "fillm"), "did you mean 'film'"),
    "unknown dataset": (("run", "-b", "flow", "-d", "mnist10"), "did you mean 'mnist10k'"),
    "unknown option": (("run", "-b", "flow[widht=64]"), "did you mean 'width'"),
    "option out of bounds": (("run", "-b", "flow[width=0]"), "width"),
    "interval of guidance that is empty": (("run", "-b", "flow[guidance_low=2,guidance_high=1]"), "no noise level"),
    "device that is none": (("run", "--all", "--device", "tpu"), "cuda:N"),
    "option that is no number": (("run", "-b", "flow[width=wide]"), "width"),
    "options where there are none": (("run", "-b", "flow", "-c", "film[a=1]"), "has no options"),
    "malformed name": (("run", "-b", "flow["), "is not a name with options"),
    "malformed budget": (("run", "--all", "--budget", "flops=many"), "no number that can be read"),
    "unknown budget": (("run", "--all", "--budget", "steps=5"), "unknown budget resource 'steps'"),
    "unknown suite": (("run", "--suite", "smokee"), "did you mean 'smoke'"),
    "missing suite file": (("run", "--suite", "mine.toml"), "there is no suite file 'mine.toml'"),
    "nothing selected": (("run",), "nothing is selected"),
    "unknown executor": (("run", "--all", "--executor", "locl"), "did you mean 'local'"),
    "retry without a run": (("run", "--all", "--retry", "failed"), "--resume RUN"),
    "no run": (("run", "--resume", "nowhere"), "'nowhere' is not a run directory"),
    "report of no run": (("report", "nowhere"), "is not a run directory"),
    "report of nothing": (("report",), "there is no run under 'runs/' yet"),
    "export of no run": (("export", "."), "is not a run directory"),
    "why of nothing": (("why", "mnist10k.flow.film.s0"), "there is no run under 'runs/' yet"),
    "sample into a wrong file": (("sample", "x", "--out", "x.jpg"), "must end in .png or .npz"),
    "sample into a missing folder": (("sample", "x", "--out", "no/x.png"), "does not exist"),
    "folder of images without a folder": (("run", "-b", "flow", "-d", "image-folder"), "add --data-root DIR"),
    "judge of no data set": (("judge", "train", "kmnits"), "did you mean 'kmnist'"),
    "judge of no images": (("judge", "train", "image-folder", "--data-root", "."), "has no folder 'train'"),
    "list of nothing": (("list", "backbonse"), "did you mean 'backbones'"),
}


@pytest.mark.parametrize("mistake", PLAIN)
def test_a_mistake_is_one_sentence(condbench: Condbench, mistake: str) -> None:
    arguments, says = PLAIN[mistake]
    condbench(*arguments, code=2)
    assert says in condbench.err
    assert condbench.err.startswith("condbench: error: ") and condbench.err.count("\n") == 1
    assert condbench.out == ""
    assert list(condbench.cwd.iterdir()) == [], "something was left behind"


@pytest.mark.parametrize("dataset", ["mnist", "fashion-mnist"])
def test_a_data_folder_without_data(condbench: Condbench, dataset: str) -> None:
    (condbench.cwd / "empty").mkdir()
    condbench("run", "-b", "flow", "-c", "film", "-d", dataset, "--data-root", "empty", code=2)
    assert "empty" in condbench.err and condbench.err.count("\n") == 1
    assert [path.name for path in condbench.cwd.iterdir()] == ["empty"]


@pytest.fixture(scope="module")
def finished(condbench_session, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one trained cell."""
    condbench = condbench_session("finished")
    condbench("run", "--suite", "smoke", "-b", "vae", "-c", "film", "--budget", "samples=500", "--out", "r")
    return condbench.cwd / "r"


def test_a_run_is_not_overwritten(condbench: Condbench, finished: Path) -> None:
    before = (finished / "run.json").read_bytes()
    condbench("run", "--suite", "smoke", "-b", "vae", "-c", "film", "--out", str(finished), code=2)
    assert "exists already and is not empty" in condbench.err
    assert (finished / "run.json").read_bytes() == before


def test_a_half_written_result_is_named(condbench: Condbench, finished: Path) -> None:
    path = finished / "cells/mnist10k.vae.film.s0/result.json"
    whole = path.read_text()
    try:
        for broken in (whole[: len(whole) // 2], "", "{}", whole.replace('"schema_version": 1', '"schema_version": 2')):
            path.write_text(broken)
            for verb in (("report", str(finished)), ("export", str(finished)), ("run", "--resume", str(finished))):
                condbench(*verb, code=2)
                assert "result.json' is damaged or of another version" in condbench.err
                assert condbench.err.count("\n") == 1
    finally:
        path.write_text(whole)


def test_an_unknown_cell_or_label_is_named(condbench: Condbench, finished: Path) -> None:
    condbench("sample", "mnist10k.vae.flim.s0", "--run", str(finished), "--out", "x.png", code=2)
    assert "did you mean 'mnist10k.vae.film.s0'" in condbench.err
    cell = str(finished / "cells/mnist10k.vae.film.s0")
    condbench("sample", cell, "--label", "ten", "--out", "x.png", code=2)
    assert "unknown label 'ten'" in condbench.err
    assert not (condbench.cwd / "x.png").exists()


def test_debug_shows_the_traceback(condbench: Condbench) -> None:
    condbench("--debug", "report", "nowhere", code=2)
    assert "Traceback" in condbench.err and "is not a run directory" in condbench.err


def test_wrong_usage_of_an_option_is_exit_code_2(condbench: Condbench) -> None:
    condbench("run", "--seeds", "0", code=2)
    condbench("run", "--unheard-of", code=2)
    condbench("unheard-of", code=2)
