"""A user's own images, 32 x 32 in colour, and Debian's clothes: real cells, from files to label accuracy."""

from __future__ import annotations

import json

import numpy as np
import pytest

from condbench_plugins.datasets import fashion_mnist
from condbench_plugins.metrics.assets import WEIGHTS
from tests.conftest import Condbench
from tests.made_images import write_images

DEBIAN = fashion_mnist._SOURCE.system

SUITE = """
name = "own"
budget = "samples=256"
samples = 150
metrics = [{metrics}]
"""


def write_suite(condbench: Condbench, *metrics: str) -> str:
    (condbench.cwd / "own.toml").write_text(SUITE.format(metrics=", ".join(f'"{metric}"' for metric in metrics)))
    return "own.toml"


def test_colour_from_a_folder_to_its_label_accuracy(condbench: Condbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.conftest.CACHE", str(condbench.cwd / "cache"))
    write_images(condbench.cwd / "bars", channels=3, size=32, classes=3, train=8, test=60)
    own = ("image-folder", "--data-root", "bars")
    lines = condbench("judge", "train", *own).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "extractor trained for image-folder",
        "judge trained for image-folder",
    ]
    suite = write_suite(condbench, "fid", "label_accuracy", "judge_accuracy")
    outcome = condbench.json("run", "--suite", suite, "-d", *own, "-b", "flow,gan", "-c", "film")
    assert isinstance(outcome, dict)
    for cell in outcome["cells"]:
        assert (cell["state"], cell["reason"]) == ("ok", "")
        assert cell["labels"] == ["one", "three", "two"]
        rows = {row["name"]: row for row in cell["metrics"]}
        assert "needs more than 128 images, got 24" in rows["fid"]["reason"], "the train split is small"
        assert rows["label_accuracy"]["n"] == 150
        assert rows["judge_accuracy"]["value"] > 0.6
        folder = condbench.cwd / outcome["run"] / "cells" / cell["name"]
        with np.load(folder / "samples.npz") as arrays:
            assert arrays["images"].shape == (150, 32, 32, 3)
            assert len(np.unique(arrays["labels"])) == 3
        cards = [json.loads(path.read_text()) for path in (condbench.cwd / "cache" / "classifiers").glob("*.json")]
        provenance = json.loads((folder / "result.json").read_text())["provenance"]
        named = set(provenance["assets"].values())
        assert named == {card["sha256"] for card in cards}, "a result names the weights that it used"
        assert {card["trained_on"]["digest"] for card in cards} == {provenance["data"]}
    assert (condbench.cwd / outcome["report"]).is_file()


@pytest.mark.skipif(not (DEBIAN and DEBIAN.is_dir()), reason="Debian's package dataset-fashion-mnist is not installed")
def test_a_cell_of_debians_clothes(condbench: Condbench) -> None:
    suite = write_suite(condbench, "label_accuracy")
    outcome = condbench.json("run", "--suite", suite, "-d", "fashion-mnist", "-b", "vae", "-c", "film")
    assert isinstance(outcome, dict)
    (cell,) = outcome["cells"]
    assert (cell["state"], cell["reason"]) == ("ok", "")
    assert cell["labels"][-1] == "ankle boot"
    (accuracy,) = [row for row in cell["metrics"] if row["name"] == "label_accuracy"]
    assert accuracy["n"] == 150 and accuracy["value"] is not None
    card = json.loads((WEIGHTS / "judge-fashion-mnist.json").read_text())
    result = condbench.cwd / outcome["run"] / "cells" / cell["name"] / "result.json"
    provenance = json.loads(result.read_text())["provenance"]
    assert provenance["data"] == card["trained_on"]["digest"]
    assert provenance["assets"] == {"condbench:label_accuracy": card["sha256"]}
