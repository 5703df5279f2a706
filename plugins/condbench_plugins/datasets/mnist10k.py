"""mnist10k: 10,000 real handwritten digits that ship with condbench, so that the first run needs no download.

What they are and where they come from is in ``mnist10k.md``, beside this file; ``make_mnist10k.py`` rebuilds them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from condbench.data import Dataset, Split
from condbench.specs import Domain, Task

_FILE = Path(__file__).with_name("mnist10k.npz")


def load(root: Path | None) -> Dataset:
    """8,004 train and 1,996 test digits, 28 x 28; ``root`` is not looked at."""
    with np.load(_FILE) as arrays:
        train, test = (
            Split(arrays[f"x_{split}"][:, None], (arrays[f"y_{split}"].astype(np.int64),))
            for split in ("train", "test")
        )
    task = Task(target=Domain("image", (1, 28, 28)), condition=(Domain("class", (), 10),))
    return Dataset("mnist10k", "mnist", task, train, test, tuple("0123456789"))


def digest(root: Path | None) -> str:
    """The SHA-256 of the shipped file; ``root`` is not looked at."""
    return hashlib.sha256(_FILE.read_bytes()).hexdigest()
