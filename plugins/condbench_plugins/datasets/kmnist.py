"""kmnist: 70,000 cursive Japanese characters, 28 x 28 (Clanuwat et al. 2018, arXiv:1812.01718)."""

from __future__ import annotations

from pathlib import Path

from condbench.data import Dataset
from condbench_plugins.datasets import idx

_SOURCE = idx.Source(
    name="kmnist",
    labels=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    torchvision="KMNIST",
    folders=("KMNIST/raw", "kmnist", "."),
)


def load(root: Path | None) -> Dataset:
    """60,000 train and 10,000 test characters; see `idx.load`."""
    return idx.load(_SOURCE, root)


def digest(root: Path | None) -> str:
    """The digest of the files; see `idx.digest`."""
    return idx.digest(_SOURCE, root)
