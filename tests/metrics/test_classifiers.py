"""The shipped weights: what their cards say holds, a changed file is refused, and training is repeatable."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from condbench.data import Dataset
from condbench.evaluation import Unavailable
from condbench_plugins.datasets import mnist10k
from condbench_plugins.metrics import assets, classifiers
from condbench_plugins.metrics.train_classifiers import RECIPES, accuracy, train

PAIRS = [(role, family) for role in classifiers.ARCHITECTURES for family in ("mnist", "fashion-mnist")]


@pytest.mark.parametrize("role, family", PAIRS)
def test_cards_describe_the_files(role: assets.Role, family: str) -> None:
    weights = classifiers.find_weights(role, family)
    network = classifiers.load(weights)
    card = json.loads(weights.path.with_suffix(".json").read_text())
    assert sum(p.numel() for p in network.parameters()) == card["parameters"]
    assert type(network).__name__ == card["architecture"]
    assert card["recipe"] == vars(RECIPES[role, family])
    assert weights.path.stat().st_size < 1e6
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    logits = network(classifiers.as_input(torch.zeros(2, *weights.shape, dtype=torch.uint8)))
    assert logits.shape == (2, weights.classes)


@pytest.mark.parametrize("role", classifiers.ARCHITECTURES)
def test_digits_are_recognised_as_often_as_the_card_says(role: assets.Role, digits: Dataset) -> None:
    weights = classifiers.find_weights(role, "mnist")
    card = json.loads(weights.path.with_suffix(".json").read_text())
    assert card["trained_on"]["digest"] == mnist10k.digest(None)
    assert accuracy(classifiers.load(weights), digits) == pytest.approx(card["test_accuracy"], abs=0.001)


def test_extractor_and_judge_are_different_networks() -> None:
    assert classifiers.ARCHITECTURES["extractor"] is not classifiers.ARCHITECTURES["judge"]
    for family in ("mnist", "fashion-mnist"):
        assert RECIPES["extractor", family].seed != RECIPES["judge", family].seed


def test_changed_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(assets.WEIGHTS, tmp_path / "weights")
    before = assets.judge_digest("mnist", ""), assets.extractor_digest("mnist", "")
    monkeypatch.setattr(assets, "WEIGHTS", tmp_path / "weights")
    monkeypatch.setattr(classifiers, "WEIGHTS", tmp_path / "weights")
    file = tmp_path / "weights" / "judge-mnist.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(Unavailable, match="install condbench again"):
        classifiers.find_weights("judge", "mnist")
    assert assets.judge_digest("mnist", "") != before[0]
    assert assets.extractor_digest("mnist", "") == before[1]


def test_digests_need_no_torch() -> None:
    code = "import sys; from condbench_plugins.metrics.assets import *\n"
    code += "assert extractor_digest('mnist', '') and not judge_digest('birds', 'abc')\n"
    code += "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("role", classifiers.ARCHITECTURES)
def test_training_learns_and_repeats(role: assets.Role, digits: Dataset) -> None:
    recipe = replace(RECIPES[role, "mnist"], images=6_400)
    one, other = (train(role, digits, recipe) for _ in range(2))
    for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert accuracy(one, digits) > 0.8
