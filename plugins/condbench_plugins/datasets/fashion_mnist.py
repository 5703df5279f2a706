"""fashion-mnist: 70,000 pictures of clothes, 28 x 28 (Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747)."""

from __future__ import annotations

from pathlib import Path

from condbench.data import Dataset
from condbench_plugins.datasets import idx

_SOURCE = idx.Source(
    name="fashion-mnist",
    labels=(
        *("t-shirt", "trouser", "pullover", "dress", "coat"),
        *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
    ),
    torchvision="FashionMNIST",
    folders=("FashionMNIST/raw", "fashion-mnist", "."),
    system=Path("/usr/share/datasets/fashion-mnist"),
    package="dataset-fashion-mnist",
)


def load(root: Path | None) -> Dataset:
    """60,000 train and 10,000 test pictures; see `idx.load`."""
    return idx.load(_SOURCE, root)


def digest(root: Path | None) -> str:
    """The digest of the files; see `idx.digest`."""
    return idx.digest(_SOURCE, root)
