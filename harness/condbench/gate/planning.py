"""The baseline's cells as they would be trained here and now, and what that settles without training any."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from condbench.combinations import Identity, identity_of
from condbench.errors import NotComparable, UserError
from condbench.gate.baseline import Baseline, BaselineCell
from condbench.gate.comparability import changed, obstacle
from condbench.gate.outcome import Finding, Result, Stage
from condbench.matrix import plan, replan
from condbench.probing import Prober
from condbench.registry import Registry
from condbench.results import PlannedCell
from condbench.statistics import over_seeds, scale_of
from condbench.suite import Checkpoints, GuidanceSweep, Redraws, Suite
from condbench.suite import changed as changed_suite
from condbench.tracks import same_size


@dataclass
class Planned:
    """The baseline's cells as they would be trained now, and what is settled without training any."""

    baseline: Baseline
    now: dict[Identity, PlannedCell] = field(default_factory=dict)
    todo: list[BaselineCell] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    differs: list[list[str]] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def settle(self, cell: BaselineCell, result: Result, stage: Stage, why: str) -> None:
        """The same finding for all metrics of a cell."""
        self.findings += [_finding(self.baseline, cell, name, result, stage, why) for name in cell.seeds[0].values]

    @property
    def changed(self) -> tuple[str, ...]:
        """What differs from the baseline, each line once."""
        return once(self.differs)


def plan_cells(baseline: Baseline, registry: Registry, data_root: Path | None) -> Planned:
    """All of the baseline's cells, with the options that were asked for and today's defaults for all others."""
    planned = Planned(baseline)
    there: list[tuple[BaselineCell, PlannedCell]] = []
    for cell in baseline.cells:
        try:
            there.append((cell, replan(baseline.provenance(cell, 0).cell, baseline.settings, registry, data_root)))
        except UserError as error:  # a plugin or an option is not there any more
            planned.settle(cell, "not comparable", "", str(error))
    for (cell, _), now in zip(there, _sized([now for _, now in there], registry), strict=True):
        _sort(planned, cell, now)
    return planned


def plan_suite(baseline: Baseline, suite: Suite, registry: Registry, data_root: Path | None) -> Planned:
    """Those of the baseline's cells that a suite has, as the suite says; only what a check looks at is measured.

    Raises:
        NotComparable: if the suite has none of them.
    """
    metrics = [name for name in baseline.settings.metrics if name.rpartition(":")[2] in _names(baseline)]
    seed_by_seed = changed_suite(
        suite,
        {
            "seeds": 1,
            "metrics": metrics,
            "guidance": GuidanceSweep(),
            "checkpoints": Checkpoints(),
            "redraws": Redraws(),
        },
    )
    of_suite = {identity_of(one.cell): one for one in _sized(plan(seed_by_seed, registry, data_root), registry)}
    planned = Planned(baseline)
    planned.notes = (*unknown(baseline, of_suite), *_left_out(baseline, of_suite))
    for cell in baseline.cells:
        if (now := of_suite.get(cell.identity)) is not None:
            _sort(planned, cell, now)
    if not planned.now and not planned.findings:
        raise NotComparable(
            f"the suite '{suite.name}' has no cell that the baseline has, e.g. {baseline.cells[0].name}: name the "
            f"suite that it was recorded with ('{baseline.recorded.suite}'), or record a baseline of this one."
        )
    return planned


def _sized(plan: list[PlannedCell], registry: Registry) -> list[PlannedCell]:
    """The plan with widths solved for, where its track is *same size*."""
    if not plan or plan[0].provenance.settings.track != "same-size":
        return plan
    with Prober() as prober:
        return same_size(plan, registry, prober, lambda _: None)


def _sort(planned: Planned, cell: BaselineCell, now: PlannedCell) -> None:
    """Settle a cell that cannot be compared, or for which nothing that matters has changed; else it is to be done."""
    old = planned.baseline.provenance(cell, 0)
    if now.skip:
        planned.settle(cell, "not comparable", "", f"it is skipped now: {now.skip}")
        return
    obstacles = [obstacle(old, now.provenance, name) for name in cell.seeds[0].values]
    if all(obstacles):
        planned.settle(cell, "not comparable", "", obstacles[0])
        return
    differs = changed(old, now.provenance)
    if not differs:
        planned.settle(cell, "pass", "provenance", "nothing that it depends on has changed")
        return
    planned.differs.append(differs)
    planned.now[cell.identity] = now
    planned.todo.append(cell)


def _finding(baseline: Baseline, cell: BaselineCell, metric: str, result: Result, stage: Stage, why: str) -> Finding:
    described = next(one for one in baseline.metrics if one.name == metric)
    scale = scale_of(metric, described.unit)
    base = over_seeds([seed.values[metric] for seed in cell.seeds], scale, described.n)
    return Finding(cell.name, metric, result, stage, why, described.unit, described.better, scale, base)


def _names(baseline: Baseline) -> list[str]:
    return [metric.name for metric in baseline.metrics]


def unknown(baseline: Baseline, new: Mapping[Identity, object]) -> tuple[str, ...]:
    """What is new, and so has nothing to be held against."""
    known = {cell.identity for cell in baseline.cells}
    count = sum(identity not in known for identity in new)
    if not count:
        return ()
    return (f"{count} cell{' is' if count == 1 else 's are'} not in the baseline, and so not checked",)


def _left_out(baseline: Baseline, of_suite: Mapping[Identity, object]) -> tuple[str, ...]:
    """What a suite no longer has: where it was dropped by mistake, nothing else would say so."""
    names = [cell.name for cell in baseline.cells if cell.identity not in of_suite]
    if not names:
        return ()
    are = "cell of the baseline is" if len(names) == 1 else "cells of the baseline are"
    return (f"{len(names)} {are} not in the suite, and so not checked: {', '.join(names)}",)


def once(differs: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """What differs between provenances, each line once."""
    return tuple(dict.fromkeys(line for lines in differs for line in lines))
