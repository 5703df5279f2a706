"""Pairs for data that none ship for: learnt, repeatable, found by the data's digest, and refused once changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from condbench.data import Dataset, Split
from condbench.errors import UserError
from condbench.evaluation import Evaluation, Unavailable
from condbench.specs import Domain, Task
from condbench_plugins.metrics import assets, classifiers, fid, label_accuracy, train_pair
from tests.made_images import draw


def split(count: int, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    return Split(np.stack([draw(label, 3, 12, rng).transpose(2, 0, 1) for label in labels]), (labels,))


TASK = Task(Domain("image", (3, 12, 12)), (Domain("class", (), 3),))
BARS = Dataset("bars", "bars", TASK, split(135, 0), split(150, 1), digest="the digest of bars")


def silent(progress: float) -> None:
    """No report."""


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONDBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(train_pair, "_PASSES", 10)
    return tmp_path / "cache" / "classifiers"


def bars_accuracy(dataset: Dataset = BARS) -> float:
    u = dataset.test.u
    return label_accuracy.measure(Evaluation(dataset, dataset.test.x, u, torch.device("cpu"))).value


def test_the_judge_learns_colour_and_is_found_by_the_digest(kept: Path) -> None:
    with pytest.raises(Unavailable, match=r"no judge ships .* 'bars'.*; train one with `condbench judge train bars`"):
        bars_accuracy()
    assert assets.judge_digest("bars", BARS.digest) == ""
    progress: list[float] = []
    line = train_pair.train_judge(BARS, progress.append)
    assert line.startswith("judge trained for bars: test accuracy ") and "on 150 images" in line
    assert progress == sorted(progress) and progress[-1] == 1
    assert bars_accuracy() > 0.9
    weights = classifiers.find_weights("judge", "bars", BARS.digest)
    assert assets.judge_digest("bars", BARS.digest) == weights.sha256
    card = json.loads(weights.path.with_suffix(".json").read_text())
    assert card["trained_on"] == {"dataset": "bars", "images": 135, "digest": BARS.digest}
    assert card["threads"] == 1 and card["recipe"] == vars(train_pair.recipe("judge", BARS))
    with pytest.raises(Unavailable, match="no judge ships"):
        bars_accuracy(replace(BARS, digest="other data"))


def test_an_fid_of_colour(kept: Path) -> None:
    train_pair.train_extractor(BARS, silent)
    noise = np.random.default_rng(0).integers(0, 256, BARS.test.x.shape, np.uint8)
    real, bad = (
        fid.measure(Evaluation(BARS, samples, BARS.test.u, torch.device("cpu"))).value
        for samples in (BARS.test.x, noise)
    )
    assert 0 < 3 * real < bad


def test_training_repeats_and_a_second_call_finds_it(kept: Path) -> None:
    train_pair.train_extractor(BARS, silent)
    first = {path.name: path.read_bytes() for path in kept.iterdir()}
    assert len(first) == 2

    def must_not_train(progress: float) -> None:
        pytest.fail("it trains again")

    assert "extractor is there already" in train_pair.train_extractor(BARS, must_not_train)
    shutil.rmtree(kept)
    train_pair.train_extractor(BARS, silent)
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == first


def damage(weights: Path) -> None:
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")


def lose_card(weights: Path) -> None:
    weights.with_suffix(".json").unlink()


def break_card(weights: Path) -> None:
    weights.with_suffix(".json").write_text("{")


def empty_card(weights: Path) -> None:
    weights.with_suffix(".json").write_text("{}")


@pytest.mark.parametrize(
    "harm, reason",
    [
        (damage, "train them anew with `condbench judge train`"),
        (lose_card, "cannot be read"),
        (break_card, "cannot be read"),
        (empty_card, "lacks classes, sha256"),
    ],
)
def test_changed_weights_are_refused_and_trained_anew(
    harm: Callable[[Path], None], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_pair, "_PASSES", 1)
    train_pair.train_judge(BARS, silent)
    weights = classifiers.find_weights("judge", "bars", BARS.digest)
    harm(weights.path)
    with pytest.raises(Unavailable, match=reason):
        bars_accuracy()
    assert "judge trained for bars" in train_pair.train_judge(BARS, silent)
    assert classifiers.find_weights("judge", "bars", BARS.digest) == weights


def test_training_that_is_interrupted_leaves_nothing(kept: Path) -> None:
    def interrupt(progress: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_pair.train_judge(BARS, interrupt)
    assert list(kept.iterdir()) == []


def test_other_code_looks_for_other_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    before = assets.trained_path("judge", BARS.digest)
    monkeypatch.setattr(assets, "_code_digest", lambda: "another recipe")
    assert assets.trained_path("judge", BARS.digest) != before


def test_where_a_pair_ships_none_is_trained(kept: Path, digits: Dataset) -> None:
    assert train_pair.train_judge(digits, silent).startswith("judge ships for 'mnist': test accuracy 0.9920 on 1996")
    assert not kept.exists()


def test_shipped_weights_that_are_damaged_are_not_replaced_in_silence(
    tmp_path: Path, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(assets.WEIGHTS, tmp_path / "weights")
    for module in (assets, classifiers):
        monkeypatch.setattr(module, "WEIGHTS", tmp_path / "weights")
    damage(tmp_path / "weights" / "judge-mnist.safetensors")
    with pytest.raises(UserError, match="install condbench again"):
        train_pair.train_judge(digits, silent)


CAPTIONS = replace(BARS, task=replace(TASK, condition=(Domain("tokens", (4,), 9),)))
TEXT = replace(BARS, task=replace(TASK, target=Domain("tokens", (4,), 9)))
SMALL = replace(BARS, task=replace(TASK, target=Domain("image", (3, 2, 12))))
FEW = replace(BARS, train=Split(BARS.train.x[:5], (BARS.train.u[0][:5],)))


@pytest.mark.parametrize(
    "dataset, reason",
    [
        (CAPTIONS, "those of bars are image with tokens"),
        (TEXT, "those of bars are tokens with class"),
        (SMALL, "images of 2 x 12 are too small"),
        (FEW, "5 train images of 3 classes are too few"),
    ],
)
def test_data_that_cannot_be_learnt_from(dataset: Dataset, reason: str, kept: Path) -> None:
    for train in (train_pair.train_extractor, train_pair.train_judge):
        with pytest.raises(UserError, match=reason):
            train(dataset, silent)
    assert not kept.exists()
