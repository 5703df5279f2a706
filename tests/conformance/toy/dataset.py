"""Class k is a bright row k."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from condbench.data import Dataset, Split
from condbench.specs import Domain, Task

CLASSES = 4


def split(seed: int, count: int) -> Split:
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % CLASSES
    x = rng.integers(0, 50, (count, 1, 8, 8), dtype=np.uint8)
    x[np.arange(count), 0, labels] = 255
    return Split(x, (labels,))


def load(root: Path | None) -> Dataset:
    task = Task(Domain("image", (1, 8, 8)), (Domain("class", (), CLASSES),))
    return Dataset("toy-bars", "toy-bars", task, split(0, 32), split(1, 16), ("a", "b", "c", "d"))
