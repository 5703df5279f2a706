"""The metric on data whose answer is known, the figure of a made run, and both through the command line."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import torch
from condbench_extras.nearest_centroid import measure
from condbench_extras.svg import render

from condbench.data import Dataset, Split
from condbench.evaluation import Evaluation, Unavailable
from condbench.specs import Domain, Task
from condbench.store import Run

SVG = "{http://www.w3.org/2000/svg}"


def evaluation(samples: list[int], labels: tuple[int, ...] | None) -> Evaluation:
    """Two classes of 2 x 2 images, dark ones near 50 and light ones near 200; test images are all dark."""
    train = Split(_images([40, 60, 190, 210]), (np.array([0, 0, 1, 1]),))
    test = Split(_images([50, 50]), (np.array([0, 1]),))
    task = Task(Domain("image", (1, 2, 2)), (Domain("class", (), 2),))
    dataset = Dataset("shades", "shades", task, train, test)
    u = () if labels is None else (np.array(labels),)
    return Evaluation(dataset, _images(samples), u, torch.device("cpu"))


def _images(levels: list[int]) -> np.ndarray:
    return np.stack([np.full((1, 2, 2), level, np.uint8) for level in levels])


def test_samples_obey_where_they_are_nearest_to_their_class() -> None:
    found = measure(evaluation([30, 120, 130, 255], (0, 0, 1, 0)))
    assert (found.value, found.n) == (0.75, 4)
    assert found.low is not None and found.high is not None and found.low < 0.75 < found.high
    assert found.note == "real test images: 0.500"


def test_without_labels_there_is_a_reason_instead() -> None:
    with pytest.raises(Unavailable, match="no labels"):
        measure(evaluation([30], None))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two cells of the shortest training there is, one of them skipped."""
    folder = tmp_path_factory.mktemp("extras")
    command = ["run", "--suite", "smoke", "-b", "vae", "-c", "film,adain", "--budget", "samples=500", "--out", "run"]
    condbench(folder, *command)
    return folder / "run"


def condbench(cwd: Path, *arguments: str) -> str:
    code = "from condbench.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_cell_is_measured(run: Path) -> None:
    result = json.loads((run / "cells" / "mnist10k.vae.film.s0" / "result.json").read_text())
    (row,) = [row for row in result["metrics"] if row["name"] == "nearest_centroid"]
    assert 0 <= row["value"] <= 1 and row["n"] == 200
    assert row["note"].startswith("real test images: 0.8")


def test_the_figure_has_a_dot_for_each_value(run: Path) -> None:
    figure = ElementTree.fromstring(condbench(run.parent, "report", str(run), "--format", "svg", "--out", "-"))
    assert len(figure.findall(f"{SVG}circle")) == 2, "a cell that ended, with FID and label accuracy"
    texts = [text.text for text in figure.findall(f"{SVG}text")]
    assert "mnist10k.vae.film" in texts and "mnist10k.vae.adain" not in texts
    assert "label_accuracy, higher is better" in texts


def test_the_figure_fits_its_frame(run: Path) -> None:
    figure = ElementTree.fromstring(render(Run(run)))
    width, height = float(figure.attrib["width"]), float(figure.attrib["height"])
    for dot in figure.findall(f"{SVG}circle"):
        assert 0 < float(dot.attrib["cx"]) < width and 0 < float(dot.attrib["cy"]) < height
