"""Every family with one conditioner, as the suite `speed` plans it; for the benchmarks of steps and samplers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from condbench.batches import Batches
from condbench.building import build, load_dataset, settle
from condbench.conditioning import Condition
from condbench.data import Dataset
from condbench.matrix import plan
from condbench.model import Model
from condbench.registry import installed
from condbench.results import PlannedCell
from condbench.suite import load_suite

CELLS = [cell for cell in plan(load_suite("speed"), installed(), None) if not cell.skip]


@dataclass(frozen=True)
class Family:
    """A cell's untrained model, its data, and whether it is computed in bfloat16."""

    model: Model
    dataset: Dataset
    bf16: bool

    def batches(self) -> Iterator[tuple[Tensor, Condition]]:
        """Endless, the same every time."""
        order = torch.Generator().manual_seed(0)
        return iter(
            Batches(
                self.dataset.train,
                self.dataset.task,
                self.model.batch_size,
                order,
                device=self.model.device,
                homogeneous=self.model.homogeneous,
            )
        )


def family(planned: PlannedCell) -> Family:
    """Build it, with its threads."""
    settings = planned.provenance.settings
    dataset = load_dataset(planned, installed())
    settle(settings.threads, 0)
    model = build(planned, dataset.task, installed()).to(settings.device)
    return Family(model, dataset, settings.precision == "bf16")
