"""The driver: plan a run, or take one up again, and see every cell to its end.

Called by `condbench run`; it imports no torch, that is left to the cells' processes.
"""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from condbench import machine
from condbench.errors import UserError
from condbench.events import CellFinished, CellStarted, RunFinished, RunStarted
from condbench.executors import Executor, Observer
from condbench.matrix import current_provenance, why_skipped
from condbench.registry import Registry, resolve
from condbench.results import CellResult, PlannedCell, PluginState, RunInfo
from condbench.store import DEFAULT_ROOT, Run, write_atomically

RETRIABLE = ("failed", "lost", "timeout", "diverged", "out-of-memory")


def new_run(
    plan: list[PlannedCell],
    registry: Registry,
    *,
    name: str,
    description: str,
    out: Path | None,
    command: list[str],
    jobs: int,
    executor: str,
    began: datetime.datetime | None = None,
    within_seconds: float | None = None,
) -> Run:
    """Make the run directory with its plan; cells that cannot be are settled as skipped at once.

    ``name`` and ``description`` are the suite's; ``began`` is when the command started, now if left out: planning may
    have taken its time.
    """
    now = began or datetime.datetime.now(datetime.UTC)
    info = RunInfo(
        suite=name,
        description=description,
        command=command,
        created=now.isoformat(timespec="seconds"),
        machine=machine.describe(),
        plugins=plugin_states(registry),
        jobs=jobs,
        executor=executor,
        within_seconds=within_seconds,
    )
    run = Run.create(out or _fresh(f"{name}-{now:%Y%m%d-%H%M%S}"), info, plan)
    _settle_skipped(run)
    return run


@dataclass(frozen=True)
class Again:
    """A cell that a resume would run, planned anew for this environment, and why."""

    planned: PlannedCell
    why: str


def unfinished(run: Run, registry: Registry, retry: Sequence[str]) -> list[Again]:
    """What a resume would run; it changes nothing.

    A finished result is kept if it is what this environment would compute (its provenance is unchanged) and its state
    is not among ``retry``.
    """
    again: list[Again] = []
    for planned in run.plan:
        root = None if planned.data_root is None else Path(planned.data_root)
        now = current_provenance(planned.cell, planned.provenance.settings, registry, root)
        unsolved = planned.skip if planned.size is not None else ""  # the track same-size found no widths
        skip = why_skipped(planned.cell, registry) or unsolved
        refreshed = planned.model_copy(update={"provenance": now, "skip": skip})
        result = run.result(planned.name)
        if result is None:
            again.append(Again(refreshed, "it has no result yet"))
        elif result.provenance != now or bool(refreshed.skip) != (result.state == "skipped"):
            again.append(Again(refreshed, "what it depends on has changed (see `condbench why`)"))
        elif result.state in retry:
            again.append(Again(refreshed, f"it was {result.state}"))
    return again


def reopen(run: Run, again: Sequence[Again], jobs: int) -> None:
    """Prepare a run to be resumed, under its lock: drop the results of the cells that will run again."""
    refreshed = {one.planned.name: one.planned for one in again}
    lines = [refreshed.get(planned.name, planned) for planned in run.plan]
    if lines != run.plan:
        write_atomically(run.path / "plan.jsonl", "".join(line.model_dump_json() + "\n" for line in lines))
        run.__dict__.pop("plan", None)
    if jobs > run.info.jobs:  # speeds measured beside other cells are not those of a quiet machine, and must say so
        run.info = run.info.model_copy(update={"jobs": jobs})
        write_atomically(run.path / "run.json", run.info.model_dump_json(indent=1))
    for one in again:
        shutil.rmtree(run.cell_path(one.planned.name), ignore_errors=True)
    _settle_skipped(run)


def extend(run: Run, more: Sequence[PlannedCell]) -> None:
    """Add cells to a run's plan, under its lock, e.g. more seeds of some combinations."""
    write_atomically(run.path / "plan.jsonl", "".join(line.model_dump_json() + "\n" for line in [*run.plan, *more]))
    run.__dict__.pop("plan", None)
    _settle_skipped(run)


@contextmanager
def alone(run: Run) -> Iterator[None]:
    """Hold the run's lock.

    Raises:
        UserError: if another driver is at work on the same run.
    """
    try:
        lock = FileLock(run.path / ".lock", timeout=0).acquire()
    except Timeout:
        raise UserError(
            f"another condbench is at work on '{run.path}': wait for it to end, or stop it first."
        ) from None
    with lock:
        yield


def execute(run: Run, registry: Registry, observer: Observer, *, executor: str, jobs: int) -> list[str]:
    """Run every cell that has no result yet, under the run's lock; returns the warnings of plugins that observed."""
    todo = [planned for planned in run.plan if run.result(planned.name) is None]
    entry = registry.executors.get(executor)
    with entry.blamed(entry.spec.target):
        chosen: Executor = resolve(entry.spec.target)()
    told = _Telling(run, registry, observer)
    told.warnings += registry.notify("condbench_run_started", RunStarted(run.path, tuple(run.plan), tuple(todo)))
    with entry.blamed(entry.spec.target):
        chosen.execute(run, todo, jobs, told)
    told.warnings += registry.notify("condbench_run_finished", RunFinished(run.path))
    return told.warnings


class _Telling:
    """Passes what happens to the plugins that observe, and on to the command line."""

    def __init__(self, run: Run, registry: Registry, observer: Observer) -> None:
        self.run, self.registry, self.observer = run, registry, observer
        self.warnings: list[str] = []

    def started(self, planned: PlannedCell) -> None:
        self.warnings += self.registry.notify("condbench_cell_started", CellStarted(self.run.path, planned))
        self.observer.started(planned)

    def progressed(self, planned: PlannedCell, stage: str, progress: float) -> None:
        self.observer.progressed(planned, stage, progress)

    def finished(self, result: CellResult) -> None:
        self.warnings += self.registry.notify("condbench_cell_finished", CellFinished(self.run.path, result))
        self.observer.finished(result)


def plugin_states(registry: Registry) -> list[PluginState]:
    """The installed plugins as they stand in run.json."""
    return [
        PluginState(
            distribution=plugin.distribution,
            version=plugin.version,
            entry_point=plugin.entry_point,
            state=plugin.state,
            error=plugin.error,
        )
        for plugin in registry.plugins
    ]


def _settle_skipped(run: Run) -> None:
    for planned in run.plan:
        if planned.skip and run.result(planned.name) is None:
            run.write_result(
                CellResult(name=planned.name, state="skipped", reason=planned.skip, provenance=planned.provenance)
            )


def _fresh(name: str) -> Path:
    """A directory under `runs/` that does not exist yet."""
    path, number = DEFAULT_ROOT / name, 2
    while path.exists():
        path, number = DEFAULT_ROOT / f"{name}-{number}", number + 1
    return path
