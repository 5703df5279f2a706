"""What a user does with a finished run: look, export, sample, ask why."""

from __future__ import annotations

import io
import json
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.conftest import Condbench

COLUMNS = [
    *("run", "cell", "dataset", "backbone", "conditioner", "options", "budget", "seed", "status", "reason"),
    *("metric", "guidance", "progress", "redraw", "value", "low", "high", "n", "unit", "better", "note"),
]


@pytest.fixture(scope="module")
def condbench(condbench_session) -> Condbench:
    """A command line beside a run of four cells under runs/, one of them skipped."""
    condbench = condbench_session("commands")
    arguments = ("--suite", "smoke", "-b", "gan,ar", "-c", "film,adain", "--budget", "samples=800")
    condbench.first = condbench.json("run", *arguments)
    return condbench


def test_the_outcome_as_json(condbench: Condbench) -> None:
    states = {cell["name"]: cell["state"] for cell in condbench.first["cells"]}
    assert states == {
        "mnist10k.gan.film.s0": "ok",
        "mnist10k.gan.adain.s0": "ok",
        "mnist10k.ar.film.s0": "ok",
        "mnist10k.ar.adain.s0": "skipped",
    }
    assert (condbench.cwd / condbench.first["report"]).is_file()
    lines = [line for line in condbench.err.splitlines() if line.startswith("[")]
    assert "[4/4]" in lines[-1], "a line per finished cell"


def test_a_cells_measures(condbench: Condbench) -> None:
    (cell,) = [cell for cell in condbench.first["cells"] if cell["name"] == "mnist10k.gan.film.s0"]
    rows = {row["name"]: row for row in cell["metrics"]}
    assert rows.keys() >= {
        "fid", "fid_floor", "label_accuracy", "parameters", "training_flops", "training_samples", "training_seconds",
        "training_throughput", "sampling_throughput", "sampling_latency", "network_evaluations", "peak_memory",
        "flops_per_image", "model_flop_utilisation", "matrix_rate",
    }  # fmt: skip
    spent = {name: rows[f"training_{name}"]["value"] for name in ("flops", "samples", "seconds")}
    assert spent["samples"] >= 800
    assert rows["flops_per_image"]["value"] == pytest.approx(spent["flops"] / spent["samples"])
    assert rows["model_flop_utilisation"]["value"] == pytest.approx(
        spent["flops"] / spent["seconds"] / rows["matrix_rate"]["value"]
    )
    assert rows["fid"]["n"] == rows["fid_floor"]["n"] == 200
    assert rows["network_evaluations"]["value"] == 1, "a GAN samples in one evaluation"
    latency = rows["sampling_latency"]
    (one, *_, calls), (many, _, _, rate, _) = latency["table"]["values"]
    assert latency["value"] == one and latency["n"] == calls >= 2
    assert one < many and rate == pytest.approx(64 / many)
    assert 1e8 < rows["peak_memory"]["value"] < 4 * 2**30
    assert cell["ended_by"] == "samples"
    assert set(cell["stages"]) == {"build", "train", "sample", "measure"}


def test_the_store(condbench: Condbench) -> None:
    path = condbench.cwd / condbench.first["run"] / "cells/mnist10k.gan.film.s0"
    files = {file.name for file in path.iterdir()}
    assert files == {"curve.jsonl", "log.txt", "model.safetensors", "result.json", "samples.npz", "samples.png"}
    curve = [json.loads(line) for line in (path / "curve.jsonl").read_text().splitlines()]
    assert curve[-1]["progress"] == 1.0 and set(curve[0]["losses"]) == {"discriminator", "generator"}
    with np.load(path / "samples.npz") as arrays:
        assert arrays["images"].shape == (200, 28, 28, 1) and arrays["images"].dtype == np.uint8
        assert arrays["labels"].shape == (200,)


def test_export_is_tidy(condbench: Condbench) -> None:
    table = pd.read_csv(io.StringIO(condbench("export", "--format", "csv")))
    assert list(table.columns) == COLUMNS
    assert set(table.cell) == {cell["name"] for cell in condbench.first["cells"]}
    skipped = table[table.status == "skipped"]
    assert len(skipped) == 1 and "positions" in skipped.reason.item()
    records = json.loads(condbench("export", "--format", "json"))
    assert len(records) == len(table) and list(records[0]) == COLUMNS
    condbench("export", "--out", "table.csv")
    assert (condbench.cwd / "table.csv").read_text().startswith("run,cell,")


@pytest.mark.parametrize(("format", "suffix"), [("html", "html"), ("md", "md"), ("csv", "csv")])
def test_report(condbench: Condbench, format: str, suffix: str) -> None:
    condbench("report", "--format", format)
    text = (condbench.cwd / condbench.first["run"] / f"report.{suffix}").read_text()
    for word in ("gan", "film", "adain", "positions"):
        assert word in text
    assert condbench("report", "--format", format, "--out", "-") == text


def test_sample_into_arrays(condbench: Condbench) -> None:
    condbench("sample", "mnist10k.gan.film.s0", "--count", "25", "--out", "x.npz")
    with np.load(condbench.cwd / "x.npz") as arrays:
        assert arrays["images"].shape == (25, 28, 28, 1) and arrays["images"].dtype == np.uint8
        assert arrays["labels"].tolist() == [i % 10 for i in range(25)], "all labels in turn"
    condbench("sample", "mnist10k.gan.film.s0", "--count", "25", "--out", "again.npz")
    assert (condbench.cwd / "x.npz").read_bytes() == (condbench.cwd / "again.npz").read_bytes()
    condbench("sample", "mnist10k.gan.film.s0", "--count", "25", "--seed", "1", "--out", "other.npz")
    assert (condbench.cwd / "x.npz").read_bytes() != (condbench.cwd / "other.npz").read_bytes()


def test_sample_into_a_picture(condbench: Condbench) -> None:
    path = Path(condbench.first["run"]) / "cells/mnist10k.ar.film.s0"
    condbench("sample", str(path), "--label", "7", "--count", "64", "--out", "seven.png")
    with Image.open(condbench.cwd / "seven.png") as picture:
        assert picture.size == (8 * 28, 8 * 28)


def test_a_skipped_cell_has_nothing_to_sample(condbench: Condbench) -> None:
    condbench("sample", "mnist10k.ar.adain.s0", "--out", "x.png", code=2)
    assert "has no trained model" in condbench.err


def test_a_cells_samples_score_as_in_the_cell(condbench: Condbench) -> None:
    """Without its model; only the number of threads may differ, and with it the last digits of sums."""
    name = "mnist10k.gan.film.s0"
    (cell,) = [cell for cell in condbench.first["cells"] if cell["name"] == name]
    file = Path(condbench.first["run"]) / "cells" / name / "samples.npz"
    scores = condbench.json("evaluate", str(file), "--dataset", "mnist10k", "-m", "fid,label_accuracy")
    in_cell = {row["name"]: row for row in cell["metrics"]}
    for row in scores["metrics"]:
        assert row["value"] == pytest.approx(in_cell[row["name"]]["value"], rel=1e-4)
        assert row["n"] == in_cell[row["name"]]["n"] == 200
        assert row["table"] == in_cell[row["name"]]["table"]


def test_why(condbench: Condbench) -> None:
    out = condbench("why", "mnist10k.gan.film.s0")
    assert "mnist10k.gan.film.s0: ok" in out and "nothing that it depends on has changed" in out
    assert "weights of condbench:fid: " in out and "torch 2" in out


def test_list_describes_a_plugins_options(condbench: Condbench) -> None:
    out = condbench("list", "flow")
    assert "width = " in out and "arXiv:2210.02747" in out
    (described,) = condbench.json("list", "cross-attention")
    assert described["options"]["heads"]["default"] == 4


def test_a_closed_pipe_ends_quietly(condbench: Condbench) -> None:
    process = condbench.popen("list")
    process.stdout.close()
    assert process.communicate()[1] == ""
    assert process.returncode == -signal.SIGPIPE
