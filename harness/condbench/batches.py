"""Training batches from a split that stays in memory; every epoch in a fresh order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from condbench.condition import Condition
from condbench.data import Split
from condbench.specs import Domain, Task


def to_model_range(x: Tensor, domain: Domain) -> Tensor:
    """Stored x as a model takes it: images from uint8 to float in [-1, 1], tokens as they are."""
    return x.float().div_(127.5).sub_(1.0) if domain.kind in ("image", "video") else x


def from_model_range(x: Tensor, domain: Domain) -> Tensor:
    """The inverse of `to_model_range`: what a model samples, as it is stored."""
    if domain.kind in ("image", "video"):
        return x.float().clamp(-1, 1).add(1).mul(127.5).round_().to(torch.uint8)
    return x


def conditions(parts: Sequence[Tensor], task: Task) -> Condition:
    """Stored parts of u as a model takes them, none dropped."""
    return Condition.of(*(to_model_range(part, domain) for part, domain in zip(parts, task.condition, strict=True)))


class Batches:
    """An endless stream of (x, u) on ``device``, deterministic from ``generator``.

    With ``homogeneous`` each batch holds one class, the classes taking turns in a fresh order each round, so that
    models trained one per label all get the same number of steps.
    """

    def __init__(
        self,
        split: Split,
        task: Task,
        batch_size: int,
        generator: torch.Generator,
        *,
        device: torch.device,
        homogeneous: bool = False,
    ) -> None:
        self.x = torch.from_numpy(split.x).to(device)
        self.u = tuple(torch.from_numpy(part).to(device) for part in split.u)
        self.task, self.batch_size, self.generator = task, batch_size, generator
        self.pools = [torch.arange(len(split))]
        if homogeneous:
            labels = torch.from_numpy(split.u[0])
            self.pools = [(labels == label).nonzero()[:, 0] for label in sorted(set(labels.tolist()))]

    def __iter__(self) -> Iterator[tuple[Tensor, Condition]]:
        streams = [self._indices(pool) for pool in self.pools]
        while True:
            for turn in torch.randperm(len(streams), generator=self.generator).tolist():
                index = next(streams[turn]).to(self.x.device)
                x = to_model_range(self.x[index], self.task.target)
                yield x, conditions(tuple(part[index] for part in self.u), self.task)

    def _indices(self, pool: Tensor) -> Iterator[Tensor]:
        """Batches of positions, without replacement within an epoch; a batch may span two epochs."""
        left = pool[:0]
        while True:
            while len(left) < self.batch_size:
                left = torch.cat([left, pool[torch.randperm(len(pool), generator=self.generator)]])
            yield left[: self.batch_size]
            left = left[self.batch_size :]
