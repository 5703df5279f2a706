"""`condbench evaluate`: anybody's samples are scored without a model, and a mistake is one sentence."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from condbench.statistics import wilson
from condbench_plugins.datasets import mnist10k
from tests.conftest import Condbench


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """300 real test images; every tenth is asked to be another digit than it is."""
    test = mnist10k.load(None).test
    labels = test.u[0][:300].copy()
    labels[::10] = (labels[::10] + 1) % 10
    np.savez(tmp_path / "x.npz", images=test.x[:300, 0], labels=labels)
    return tmp_path / "x.npz"


def test_scores_as_json_say_what_they_depend_on(condbench: Condbench, samples: Path) -> None:
    names = "label_accuracy,label_accuracy_worst,bits_per_dimension"
    scores = condbench.json("evaluate", "x.npz", "--dataset", "mnist10k", "-m", names, "--device", "cpu")
    assert scores["sha256"] == hashlib.sha256(samples.read_bytes()).hexdigest()
    assert scores["data"] == mnist10k.digest(None) and scores["dataset"] == "condbench:mnist10k"
    assert scores["assets"].keys() == {"condbench:label_accuracy", "condbench:label_accuracy_worst"}
    assert "torch" in scores["libraries"] and "condbench" in scores["distributions"]
    accuracy, worst, bits = scores["metrics"]
    assert accuracy["n"] == scores["images"] == 300
    assert accuracy["value"] == pytest.approx(0.9, abs=0.02), "as many obey as were asked rightly"
    assert [accuracy["low"], accuracy["high"]] == list(wilson(round(300 * accuracy["value"]), 300))
    assert len(accuracy["table"]["values"]) == 10
    assert worst["value"] < accuracy["value"]
    assert bits["value"] is None and "there are only samples, and no model" in bits["reason"]


def test_a_table_for_the_eye(condbench: Condbench, samples: Path) -> None:
    out = condbench("evaluate", "x.npz", "-d", "mnist10k", "-m", "label_accuracy", "-m", "bits_per_dimension")
    header, accuracy, bits, empty, title, columns, *rows = out.split("\n")
    assert header.split("\t") == ["metric", "value", "interval", "n", "unit", "note"]
    name, value, interval, n, unit, note = accuracy.split("\t")
    low, high = map(float, interval.split(" to "))
    assert (name, n, unit, note) == ("label_accuracy", "300", "share", "") and low < float(value) < high
    assert bits.split("\t")[1] == "-" and "no model" in bits
    assert empty == "" and title.startswith("label_accuracy: ") and columns.split("\t")[1:] == list("0123456789")
    assert [row.split("\t")[0] for row in rows if row] == list("0123456789")
    assert "300 images of x.npz against mnist10k (8,004 train, 1,996 test)" in condbench.err


MISTAKES = {
    "no file": (("nowhere.npz", "-d", "mnist10k"), "there is no file 'nowhere.npz'"),
    "no such data": (("x.npz", "-d", "mnist10"), "did you mean 'mnist10k'"),
    "no such metric": (("x.npz", "-d", "mnist10k", "-m", "fidd"), "did you mean 'fid'"),
    "no such device": (("x.npz", "-d", "mnist10k", "--device", "cuda:99"), "is not there"),
    "floats": (("x.npz", "-d", "mnist10k"), "(images * 255).round().astype(np.uint8)"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence(condbench: Condbench, mistake: str) -> None:
    arguments, says = MISTAKES[mistake]
    np.savez(condbench.cwd / "x.npz", images=np.linspace(0, 1, 784, dtype=np.float32).reshape(1, 28, 28))
    condbench("evaluate", *arguments, code=2)
    assert says in condbench.err
    assert condbench.err.startswith("condbench: error: ") and condbench.err.count("\n") == 1
    assert condbench.out == ""


def test_a_mistake_is_found_before_torch_is_loaded(condbench: Condbench) -> None:
    np.savez(condbench.cwd / "x.npz", images=np.zeros((1, 28, 28)))
    program = """
import sys
from condbench.cli import app
try:
    app(["evaluate", "x.npz", "-d", "mnist10k"], standalone_mode=False)
except Exception as error:
    print(type(error).__name__, "torch" in sys.modules)
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=condbench.cwd, env=condbench.environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["UserError", "False"]
