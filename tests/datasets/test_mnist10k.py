"""The digits that ship: whole, stratified, disjoint, and rebuilt alike by their script."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from condbench_plugins.datasets import make_mnist10k, mnist10k


def test_splits() -> None:
    dataset = mnist10k.load(None)
    assert dataset.train.x.shape == (8004, 1, 28, 28)
    assert dataset.test.x.shape == (1996, 1, 28, 28)
    assert dataset.train.x.dtype == np.uint8
    assert dataset.train.u[0].dtype == np.int64
    for split in (dataset.train, dataset.test):
        assert set(split.u[0].tolist()) == set(range(10))
        assert split.x.min() == 0
        assert split.x.max() == 255


def test_no_test_image_is_a_train_image() -> None:
    dataset = mnist10k.load(None)
    train = {image.tobytes() for image in dataset.train.x}
    assert not any(image.tobytes() in train for image in dataset.test.x)


def test_digest_is_of_the_file(tmp_path: Path) -> None:
    assert len(mnist10k.digest(None)) == 64
    assert mnist10k.digest(None) == mnist10k.digest(tmp_path)


def test_the_script_rebuilds_the_same_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the shipped digits back into the package's order and format, and rebuild."""
    dataset = mnist10k.load(None)
    labels = np.concatenate([dataset.train.u[0], dataset.test.u[0]])
    # The script's order: where each image of the package, digit by digit, went.
    counts = np.bincount(labels)
    packaged = np.repeat(np.arange(10), counts).astype(np.uint8)
    order = np.random.default_rng(0).permutation(len(labels))
    test = make_mnist10k.is_test(packaged[order])
    pixels = np.empty((len(labels), 28, 28), np.uint8)
    pixels[order[~test]], pixels[order[test]] = dataset.train.x[:, 0], dataset.test.x[:, 0]
    for digit in range(10):
        shares = (pixels[packaged == digit] / 255).round(4).ravel().tolist()
        (tmp_path / f"{digit}.json").write_text(json.dumps({"data": shares}))

    monkeypatch.setattr(sys, "argv", ["make_mnist10k", str(tmp_path), str(tmp_path / "rebuilt.npz")])
    make_mnist10k.main()

    with np.load(tmp_path / "rebuilt.npz") as rebuilt:
        for split, x in (("train", dataset.train), ("test", dataset.test)):
            np.testing.assert_array_equal(rebuilt[f"x_{split}"], x.x[:, 0])
            np.testing.assert_array_equal(rebuilt[f"y_{split}"], x.u[0])
