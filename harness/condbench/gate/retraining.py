"""Cells trained again, in rounds: one seed, two more where that is not the same to the bit, seven more where it is bad.

It is an ordinary run, so that its cells, states and report are those of `condbench run`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from condbench.campaign import alone, execute, extend
from condbench.combinations import Identity
from condbench.executors import Observer
from condbench.gate.baseline import Baseline, BaselineCell
from condbench.gate.decision import FIRST, MORE, Evidence, suspicious
from condbench.gate.judging import Judgement, heads, judge
from condbench.registry import Registry
from condbench.results import PlannedCell
from condbench.store import Run


@dataclass(frozen=True)
class Workshop:
    """Where and how cells are trained: a run whose plan has the first seed of every cell, and who watches."""

    run: Run
    registry: Registry
    executor: str
    jobs: int
    observe: Callable[[Run], AbstractContextManager[Observer]]

    def work(self) -> list[str]:
        """Bring every planned cell to its end; returns the warnings of plugins that observed."""
        with self.observe(self.run) as observer:
            return execute(self.run, self.registry, observer, executor=self.executor, jobs=self.jobs)


def retrain(
    baseline: Baseline, cells: Sequence[BaselineCell], planned: Mapping[Identity, PlannedCell], workshop: Workshop
) -> tuple[Judgement, list[str]]:
    """Train ``cells`` again with as many seeds as it takes to tell; what was found, and plugins' warnings."""
    run = workshop.run
    with alone(run):
        warnings = workshop.work()
        differing = [cell for cell in cells if _open(baseline, cell, run)]
        if differing:
            extend(run, [with_seed(planned[cell.identity], seed) for cell in differing for seed in range(1, FIRST)])
            warnings += workshop.work()
        suspects = [cell for cell in differing if any(_looks_bad(one) for one in _open(baseline, cell, run))]
        if suspects:
            seeds = range(FIRST, FIRST + MORE)
            extend(run, [with_seed(planned[cell.identity], seed) for cell in suspects for seed in seeds])
            warnings += workshop.work()
    closer = {cell.identity for cell in suspects}
    found = {identity: replace(head, final=identity in closer) for identity, head in heads(run).items()}
    return judge(baseline, found, cells), warnings


def with_seed(planned: PlannedCell, seed: int) -> PlannedCell:
    """The same cell with another seed."""
    cell = planned.cell.model_copy(update={"seed": seed})
    return planned.model_copy(
        update={
            "name": f"{planned.name.removesuffix(f'.s{planned.cell.seed}')}.s{seed}",
            "provenance": planned.provenance.model_copy(update={"cell": cell}),
        }
    )


def _open(baseline: Baseline, cell: BaselineCell, run: Run) -> list[Evidence]:
    """What is left to be tested of a cell: nothing if its samples are the same to the bit, or a seed ended badly."""
    so_far = {identity: replace(head, final=False) for identity, head in heads(run).items()}
    return [evidence for _, evidence in judge(baseline, so_far, [cell]).open]


def _looks_bad(one: Evidence) -> bool:
    return bool(suspicious(one.base, one.head, one.noise))
