"""What a dataset plugin returns: two splits of (x, u) as arrays, and what they are called. No torch here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from condbench.specs import Task


@dataclass(frozen=True)
class Split:
    """N pairs of x and u.

    ``x``: images as uint8 (N, C, H, W), tokens as int64 (N, T). ``u``: one array per part of the task's condition,
    e.g. a single int64 (N,) of class labels.
    """

    x: NDArray[np.generic]
    u: tuple[NDArray[np.generic], ...]

    def __len__(self) -> int:
        return len(self.x)


def spread(count: int, total: int) -> NDArray[np.int64]:
    """Positions of ``count`` of ``total`` images, evenly spaced, so that a sorted split gives of every label; of all,
    where there are no more."""
    return np.linspace(0, total - 1, min(count, total)).round().astype(np.int64)


@dataclass(frozen=True)
class Dataset:
    """A task with its real data.

    ``family`` names what the images are of ("mnist"): extractors and judges ship per family, and mnist10k shares those
    of mnist. ``labels`` names the classes in order, for reports. ``digest`` identifies the data, as the plugin's
    fingerprint says it; the harness fills it in.
    """

    name: str
    family: str
    task: Task
    train: Split
    test: Split
    labels: tuple[str, ...] = ()
    digest: str = ""
