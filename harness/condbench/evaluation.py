"""What a metric plugin sees and returns, and the loop that measures.

`evaluate` is called by `condbench.measuring`, in a cell or for a file of samples. Most metrics need samples and their
conditions only.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from condbench.data import Dataset
from condbench.model import Model
from condbench.results import Table
from condbench.specs import Task

T = TypeVar("T")


class Unavailable(Exception):  # noqa: N818 - a reason, not a fault
    """A metric cannot be computed here; the message is the reason in its row."""


@dataclass(frozen=True)
class Measurement:
    """One measured value: its sample count ``n`` and, where known, its 95 % interval.

    ``note`` says what a reader must know of this one value, e.g. that it is a bound; ``table`` holds the parts that it
    is made of, e.g. a value per label.
    """

    value: float
    n: int
    low: float | None = None
    high: float | None = None
    note: str = ""
    table: Table | None = None


@dataclass
class Evaluation:
    """Samples to be measured against a dataset.

    ``samples`` are stored like `condbench.data.Split.x` (images: uint8 (N, C, H, W)), ``u`` like `Split.u`: the
    conditions that the samples were drawn for, or ``()`` where they are not known. ``model`` is what drew them, or None
    where there are only samples; ``seed`` is for metrics that draw at random.
    """

    dataset: Dataset
    samples: NDArray[np.generic]
    u: tuple[NDArray[np.generic], ...]
    device: torch.device
    model: Model | None = None
    seed: int = 0
    _shared: dict[str, Any] = field(default_factory=dict)

    @property
    def labels(self) -> NDArray[np.int64]:
        """The class that each sample was drawn for: (N,), each in [0, number of classes).

        Raises:
            Unavailable: if the task has no classes, or if they are not known, not one for each sample, or no classes.
        """
        part = class_part(self.dataset.task)
        if not self.u:
            raise Unavailable("it is not known which class each sample was drawn for: no labels were given")
        labels, classes = self.u[part], self.dataset.task.condition[part].size
        if len(labels) != len(self.samples):
            raise Unavailable(f"{len(self.samples)} samples with {len(labels)} labels")
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            raise Unavailable(f"labels must be whole numbers (N,); these are {labels.dtype} of shape {labels.shape}")
        if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
            raise Unavailable(f"labels must be from 0 to {classes - 1}; these go from {labels.min()} to {labels.max()}")
        return labels.astype(np.int64)

    def shared(self, key: str, compute: Callable[[], T]) -> T:
        """``compute()`` once per evaluation and key: e.g. features that several metrics need."""
        if key not in self._shared:
            self._shared[key] = compute()
        value: T = self._shared[key]
        return value


def class_part(task: Task) -> int:
    """The position in u of the first part that is a class.

    Raises:
        Unavailable: if there is none.
    """
    kinds = [part.kind for part in task.condition]
    if "class" not in kinds:
        raise Unavailable(f"this task's condition holds no class but: {', '.join(kinds) or 'nothing'}")
    return kinds.index("class")


Measure = Callable[[Evaluation], Measurement]
"""The whole metric contract; where nothing can be measured, it raises `Unavailable`."""


def evaluate(evaluation: Evaluation, measures: Sequence[tuple[str, Measure]]) -> dict[str, Measurement | Unavailable]:
    """Measure each named metric; one that cannot be computed gives its reason and the others go on."""
    results: dict[str, Measurement | Unavailable] = {}
    for name, measure in measures:
        try:
            results[name] = _checked(measure(evaluation))
        except Unavailable as reason:
            results[name] = reason
        except (Exception, SystemExit) as error:  # a metric's bug must cost neither the others nor a cell
            traceback.print_exc()
            results[name] = Unavailable(f"it raised {type(error).__name__}: {error} (its traceback is in the log)")
    return results


def _checked(found: object) -> Measurement:
    """What a metric returned, as plain numbers; a value that is not finite is left to be said by its row.

    Raises:
        Unavailable: if it is no measurement, or its interval is not one of its value.
    """
    if not isinstance(found, Measurement):
        raise Unavailable(f"it returned {type(found).__name__} and not a condbench.evaluation.Measurement")
    value, low, high = float(found.value), *(None if end is None else float(end) for end in (found.low, found.high))
    if math.isfinite(value) and not (value if low is None else low) <= value <= (value if high is None else high):
        raise Unavailable(f"its interval, {low} to {high}, does not hold its value, {value}")
    if any(end is not None and not math.isfinite(end) for end in (low, high)):
        raise Unavailable(f"its interval, {low} to {high}, is not finite")
    return replace(found, value=value, n=int(found.n), low=low, high=high)
