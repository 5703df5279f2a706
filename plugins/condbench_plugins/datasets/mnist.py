"""mnist: 70,000 handwritten digits, 28 x 28 (LeCun, Cortes & Burges, http://yann.lecun.com/exdb/mnist)."""

from __future__ import annotations

from pathlib import Path

from condbench.data import Dataset
from condbench_plugins.datasets import idx

_SOURCE = idx.Source(
    name="mnist",
    labels=tuple("0123456789"),
    torchvision="MNIST",
    folders=("MNIST/raw", "mnist", "."),
)


def load(root: Path | None) -> Dataset:
    """60,000 train and 10,000 test digits; see `idx.load`."""
    return idx.load(_SOURCE, root)


def digest(root: Path | None) -> str:
    """The digest of the files; see `idx.digest`."""
    return idx.digest(_SOURCE, root)
