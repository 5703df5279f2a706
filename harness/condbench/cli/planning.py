"""From a suite to the plan that `condbench run` carries out: planned, made equally large, and given its time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from condbench.allotment import Share
    from condbench.registry import Registry
    from condbench.results import PlannedCell
    from condbench.suite import Suite


def make_plan(
    suite: Suite,
    registry: Registry,
    data_root: Path | None,
    *,
    within_seconds: float | None,
    started: float,
    jobs: int,
    need_data: bool,
) -> list[PlannedCell]:
    """All cells of a suite, with widths solved for where its track is *same size*, and a budget that suits the time.

    Args:
        suite: what was asked for.
        registry: the installed plugins.
        data_root: where data are that do not ship.
        within_seconds: the time for all of the run; the suite's budget holds if it is left out.
        started: when that time began, by `time.monotonic`.
        jobs: how many cells will run at once.
        need_data: whether missing data are an error; measuring beforehand needs them anyway.
    """
    from condbench.matrix import plan

    sizing = suite.track == "same-size"
    planned = plan(suite, registry, data_root, need_data=need_data or sizing or within_seconds is not None)
    if not sizing and within_seconds is None:
        return planned

    from condbench.allotment import allot, apply, makespan, measure_costs
    from condbench.probing import Prober
    from condbench.tracks import same_size

    with ExitStack() as stack:
        stack.callback(_wipe)
        probers = [stack.enter_context(Prober())]
        if sizing:
            planned = same_size(planned, registry, probers[0], _reporter("solving for the widths of"))
        if within_seconds is None:
            return planned
        # Only now, since the time until a prober's first answer tells how long a cell's process takes to start.
        probers += [stack.enter_context(Prober()) for _ in range(min(jobs, len(planned)) - 1)]
        costs = measure_costs(planned, probers, _reporter("measuring"))
    spent = time.monotonic() - started
    shares = allot(costs, planned, within_seconds - spent, jobs, spent)
    total = spent + makespan((share.seconds for share in shares), jobs)
    print(_announcement(shares, within_seconds, spent, total), file=sys.stderr)
    return apply(planned, shares)


def _reporter(doing: str) -> Callable[[str], None]:
    """Says what is being probed, on one line of a terminal that is written over; elsewhere it stays silent."""

    def report(what: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\x1b[K{doing} {what}", end="", file=sys.stderr, flush=True)

    return report


def _wipe() -> None:
    """Clear the line that a reporter has written, for whatever is said next."""
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _announcement(shares: Sequence[Share], within_seconds: float, spent: float, total: float) -> str:
    """What each cell gets, before anything is trained."""
    width = max(len(share.planned.name) for share in shares)
    lines = [
        f"{share.planned.name:{width}}  {share.flops:.2g} FLOPs  {share.images:>9,.0f} images  {share.seconds:>5.0f} s"
        + (f"  will fail: {share.error}" if share.error else "")
        for share in shares
    ]
    return "\n".join(
        [
            *lines,
            f"{len(shares)} cells, {shares[0].flops:.2g} FLOPs each: about {_clock(total)} of "
            f"{_clock(within_seconds)}, {_clock(spent)} of them for measuring beforehand",
        ]
    )


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
