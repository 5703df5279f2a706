"""Training batches from a split that stays in memory; every epoch in a fresh order."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from condbench.condition import Condition
from condbench.data import Split
from condbench.specs import Domain


def to_model_range(x: Tensor, domain: Domain) -> Tensor:
    """Stored x as a model takes it: images from uint8 to float in [-1, 1], tokens as they are."""
    return x.float().div_(127.5).sub_(1.0) if domain.kind in ("image", "video") else x


def from_model_range(x: Tensor, domain: Domain) -> Tensor:
    """The inverse of `to_model_range`: what a model samples, as it is stored. NaN becomes mid-grey, 0 in [-1, 1]."""
    if domain.kind in ("image", "video"):
        return x.float().nan_to_num(0.0).clamp(-1, 1).add(1).mul(127.5).round_().to(torch.uint8)
    return x


class Batches:
    """An endless stream of (x, u) on ``device``, deterministic from ``generator``.

    With ``homogeneous`` each batch holds one class, the classes taking turns in a fresh order each round, so that
    models trained one per label all get the same number of steps.
    """

    def __init__(
        self,
        split: Split,
        domain: Domain,
        batch_size: int,
        generator: torch.Generator,
        *,
        device: torch.device,
        homogeneous: bool = False,
    ) -> None:
        self.x = torch.from_numpy(split.x).to(device)
        self.u = Condition.of(*(torch.from_numpy(part) for part in split.u)).to(device)
        self.domain, self.batch_size, self.generator = domain, batch_size, generator
        labels = split.u[0]
        pools = [torch.from_numpy((labels == label).nonzero()[0]) for label in sorted(set(labels.tolist()))]
        self.pools = pools if homogeneous else [torch.arange(len(split))]

    def __iter__(self) -> Iterator[tuple[Tensor, Condition]]:
        streams = [self._indices(pool) for pool in self.pools]
        while True:
            for turn in torch.randperm(len(streams), generator=self.generator).tolist():
                index = next(streams[turn]).to(self.x.device)
                yield to_model_range(self.x[index], self.domain), self.u[index]

    def _indices(self, pool: Tensor) -> Iterator[Tensor]:
        """Batches of positions, without replacement within an epoch; a batch may span two epochs."""
        left = pool[:0]
        while True:
            while len(left) < self.batch_size:
                left = torch.cat([left, pool[torch.randperm(len(pool), generator=self.generator)]])
            yield left[: self.batch_size]
            left = left[self.batch_size :]
