"""Measures one cell's speed in the interpreter that runs this file: ``python -P meter.py``.

Both sides run this very file, so that a changed way to measure is not taken for a changed speed. It therefore imports
nothing of condbench that is new, and only when asked; what a side lacks becomes an answer. A line of standard input,
``[what, argument]``, gets a line of standard output, and it ends with the input:

- ``prepare`` a suite with one cell: builds its model;
- ``train`` steps: so many in `condbench.training.train`, what counts FLOPs off the clock;
- ``sample`` count: so many in `condbench.sampling.draw`;
- ``memory``: the most that this process has held.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

_GENERATOR = 0  # the seed of everything


class Absent(Exception):  # noqa: N818 - what was found, not a fault
    """This side has no such cell: it does not know a name or an option, or the pair does not fit there."""


class Bench:
    """One cell's model with its data."""

    def __init__(self, suite: dict[str, Any], data_root: str | None) -> None:
        import torch

        from condbench.batches import Batches
        from condbench.building import build, load_dataset, settle
        from condbench.errors import UserError
        from condbench.matrix import plan
        from condbench.registry import installed
        from condbench.suite import Suite

        registry, wanted = installed(), Suite.model_validate(suite)
        try:
            (planned,) = plan(wanted, registry, Path(data_root) if data_root else None)
        except UserError as error:
            if type(error) is not UserError or registry.broken:  # a plugin that breaks may well have the cell
                raise
            raise Absent(str(error)) from None
        if planned.skip:
            raise Absent(planned.skip)
        self.settings = planned.provenance.settings
        self.bf16 = self.settings.precision == "bf16"
        self.dataset = load_dataset(planned, registry)
        settle(self.settings.threads, _GENERATOR)
        self.model = build(planned, self.dataset.task, registry).to(self.settings.device)
        self.batches = iter(
            Batches(
                self.dataset.train,
                self.dataset.task,
                self.model.batch_size,
                torch.Generator().manual_seed(_GENERATOR),
                device=self.model.device,
                homogeneous=self.model.homogeneous,
            )
        )

    def train(self, steps: int) -> dict[str, float]:
        """Train for ``steps`` steps, and those whose FLOPs are counted besides."""
        import torch

        from condbench.budget import Budget
        from condbench.training import train

        counted = len({self.model.phases((step + 0.5) / steps) for step in range(steps)})
        start = time.perf_counter()
        done = train(
            self.model,
            self.batches,
            Budget(samples=(steps + counted) * self.model.batch_size),
            condition_dropout=self.settings.condition_dropout,
            generator=torch.Generator().manual_seed(_GENERATOR),
            bf16=self.bf16,
        )
        # It ends with a look at every parameter, so that a GPU has done all of it by now.
        seconds = time.perf_counter() - start - done.counting_seconds
        return {"images": (done.steps - counted) * self.model.batch_size, "seconds": seconds}

    def sample(self, count: int) -> dict[str, float]:
        """Draw ``count`` samples."""
        from condbench.sampling import asked_for, draw

        u = asked_for(self.dataset, count)
        start = time.perf_counter()
        draw(self.model.eval(), u, self.dataset.task.target, _GENERATOR, bf16=self.bf16)
        return {"images": count, "seconds": time.perf_counter() - start}

    def memory(self) -> dict[str, float]:
        """On the GPU if it trains there."""
        from condbench.peak import peak_memory

        return {"bytes": peak_memory(self.settings.device)}


def main() -> None:
    """Answer until standard input ends; what plugins print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    bench: Bench | None = None
    for line in sys.stdin:
        what, argument = json.loads(line)
        answer: dict[str, Any] = {}
        try:
            if what == "prepare":
                bench = Bench(*argument)
            else:
                assert bench is not None
                answer = bench.memory() if what == "memory" else getattr(bench, what)(argument)
        except Exception as error:  # an older side may lack anything; a newer one may be broken
            traceback.print_exc()
            absent = isinstance(error, Absent)
            answer = {"error": " ".join(f"{type(error).__name__}: {error}".split()), "absent": absent}
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
