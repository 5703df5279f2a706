"""`condbench run`: plan cells, see each to its end, report."""

from __future__ import annotations

import json
import shlex
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from condbench.registry import Registry
    from condbench.results import PlannedCell
    from condbench.store import Run
    from condbench.suite import Suite

_FAILED = 3
_INTERRUPTED = 130


def run(
    everything: Annotated[
        bool,
        typer.Option("--all", help="Every backbone with every conditioner (suite quick unless --suite says else)."),
    ] = False,
    suite: Annotated[str | None, typer.Option(metavar="NAME|FILE", help="A suite that ships, or a TOML file.")] = None,
    backbone: Annotated[
        list[str] | None,
        typer.Option("-b", "--backbone", metavar="NAME,…", help="Backbones, e.g. -b flow,'diffusion[width=64]'."),
    ] = None,
    conditioner: Annotated[
        list[str] | None, typer.Option("-c", "--conditioner", metavar="NAME,…", help="Conditioners.")
    ] = None,
    dataset: Annotated[list[str] | None, typer.Option("-d", "--dataset", metavar="NAME,…", help="Datasets.")] = None,
    seeds: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Training seeds per combination.", max=1000)
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(metavar="flops=…|samples=…|seconds=…", help="What training gets, e.g. flops=2e12."),
    ] = None,
    within: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="End in this time, e.g. 45m: every cell gets the compute that then fits."),
    ] = None,
    track: Annotated[
        str | None,
        typer.Option(metavar="same-backbone|same-size", help="Same size: widths are solved until all sizes agree."),
    ] = None,
    device: Annotated[str | None, typer.Option(metavar="DEVICE", help="auto, cpu, cuda or cuda:N.")] = None,
    data_root: Annotated[
        Path | None,
        typer.Option(help="Folder with data sets that do not ship.", file_okay=False, exists=True),
    ] = None,
    executor: Annotated[
        str, typer.Option(metavar="NAME", help="How cells are run; `condbench list executors`.")
    ] = "local",
    jobs: Annotated[
        int, typer.Option(metavar="N", min=1, help="Cells at once; more than one disturbs the speeds measured.")
    ] = 1,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The run's directory; new under runs/ if left out.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with a run; finished cells are kept.")
    ] = None,
    retry: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATE",
            help="With --resume: run cells again that were failed, lost, timeout, diverged or out-of-memory.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would run, and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Train, measure and report cells: combinations of a dataset, a backbone and a conditioner."""
    from condbench.campaign import alone, execute, new_run, reopen, unfinished
    from condbench.cli import progress
    from condbench.cli.installed import installed
    from condbench.cli.planning import make_plan
    from condbench.errors import UserError
    from condbench.store import Run

    began, started = datetime.now(UTC), time.monotonic()
    registry = installed()
    registry.executors.get(executor)
    states = _retry_states(retry or [])
    if resume is not None:
        selecting = {
            "--all": everything, "--suite": suite, "-b": backbone, "-c": conditioner, "-d": dataset, "--seeds": seeds,
            "--budget": budget, "--within": within, "--track": track, "--device": device,
            "--data-root": data_root, "--out": out,
        }  # fmt: skip
        if given := [option for option, value in selecting.items() if value]:
            raise UserError(
                f"--resume goes on with what was planned: leave out {', '.join(given)}, or start a new run."
            )
        target = Run(resume)
        if dry_run:
            _show_plan([one.planned for one in unfinished(target, registry, states)], as_json)
            return
    else:
        if states:
            raise UserError("--retry needs a run to take up: add --resume RUN.")
        chosen = _choose_suite(everything, suite, backbone, conditioner, dataset, seeds, budget, track, device)
        seconds = _within_seconds(within, budget)
        plan = make_plan(
            chosen, registry, data_root, within_seconds=seconds, started=started, jobs=jobs, need_data=not dry_run
        )
        if dry_run:
            _show_plan(plan, as_json)
            return
        command = [Path(sys.argv[0]).name, *sys.argv[1:]]
        target = new_run(
            plan,
            registry,
            name=chosen.name,
            description=chosen.description,
            out=out,
            command=command,
            jobs=jobs,
            executor=executor,
            began=began,
            within_seconds=seconds,
        )

    try:
        with alone(target):
            again = unfinished(target, registry, states)
            for one in again:
                if target.result(one.planned.name) is not None:
                    print(f"{one.planned.name} runs again: {one.why}", file=sys.stderr)
            reopen(target, again, jobs)
            print(_opening(target), file=sys.stderr)
            gain = "ends sooner" if within is None else "trains longer"
            print(_idle_cores(target, jobs, gain), end="", file=sys.stderr)
            with progress.observer(target) as observer:
                warnings = execute(target, registry, observer, executor=executor, jobs=jobs)
    except KeyboardInterrupt:
        print(
            f"condbench: interrupted; go on with: condbench run --resume {shlex.quote(str(target.path))}",
            file=sys.stderr,
        )
        raise typer.Exit(_INTERRUPTED) from None
    for warning in warnings:
        print(f"condbench: warning: {warning}", file=sys.stderr)
    _conclude(target, registry, as_json)


def _opening(target: Run) -> str:
    """Where the run is, and what there is to do."""
    done = target.results()
    skipped = sum(result.state == "skipped" for result in done)
    return (
        f"run: {target.path}: {len(target.plan)} cells, {skipped} skipped, {len(done) - skipped} finished, "
        f"{len(target.plan) - len(done)} to run"
    )


def _idle_cores(target: Run, jobs: int, gain: str) -> str:
    """What to do about cores that would be idle, and what it gains; empty if none are."""
    from condbench.machine import available_cores

    settings = target.plan[0].provenance.settings
    fit = available_cores() // settings.threads
    if settings.device != "cpu" or fit <= jobs or len(target.plan) < 2:
        return ""
    return (
        f"{available_cores()} cores are there and a cell takes {settings.threads}: --jobs {fit} {gain}, "
        "but speeds are then measured beside other cells\n"
    )


def _choose_suite(
    everything: bool,
    suite: str | None,
    backbone: list[str] | None,
    conditioner: list[str] | None,
    dataset: list[str] | None,
    seeds: int | None,
    budget: str | None,
    track: str | None,
    device: str | None,
) -> Suite:
    """The suite that was asked for, with what the command line changes in it."""
    from condbench.budget import Budget
    from condbench.errors import UserError
    from condbench.suite import changed, load_suite

    if not (everything or suite or backbone or conditioner or dataset):
        raise UserError(
            "nothing is selected: say --all, --suite NAME, or name plugins, e.g. `condbench run -b flow,gan -c film`."
        )
    changes: dict[str, object] = {
        "backbones": backbone or (["*"] if everything else None),
        "conditioners": conditioner or (["*"] if everything else None),
        "datasets": dataset,
        "seeds": seeds,
        "budget": None if budget is None else Budget.parse(budget),
        "track": track,
        "device": device,
    }
    return changed(load_suite(suite or "quick"), {key: value for key, value in changes.items() if value is not None})


def _within_seconds(within: str | None, budget: str | None) -> float | None:
    """The time that all of the run has; it decides the budget, so it cannot be given beside one."""
    from condbench.allotment import parse_duration
    from condbench.errors import UserError

    if within is None:
        return None
    if budget is not None:
        raise UserError("--within chooses the budget: leave out --budget, or leave out --within.")
    return parse_duration(within)


def _retry_states(texts: list[str]) -> list[str]:
    from condbench.campaign import RETRIABLE
    from condbench.errors import unknown

    states = [state.strip() for text in texts for state in text.split(",")]
    for state in states:
        if state not in RETRIABLE:
            raise unknown("state to retry", state, RETRIABLE)
    return states


def _show_plan(plan: list[PlannedCell], as_json: bool) -> None:
    if as_json:
        print(json.dumps([planned.model_dump(mode="json") for planned in plan], indent=1))
        return
    from condbench.results import labels

    dataset, backbone, conditioner = (
        labels(getattr(planned.cell, kind) for planned in plan) for kind in ("dataset", "backbone", "conditioner")
    )
    for planned in plan:
        cell = planned.cell
        pair = f"{backbone[cell.backbone.identity]}\t{conditioner[cell.conditioner.identity]}"
        widths = [f"{name}={width}" for name, width in cell.backbone.sized.items()]  # of the track same-size
        note = f"skipped: {planned.skip}" if planned.skip else ", ".join([str(cell.budget), *widths])
        print(f"{planned.name}\t{dataset[cell.dataset.identity]}\t{pair}\t{note}")
    skipped = sum(bool(planned.skip) for planned in plan)
    print(f"{len(plan)} cells, {skipped} of them skipped", file=sys.stderr)


def _conclude(target: Run, registry: Registry, as_json: bool) -> None:
    """Write the report, print the table, exit with what became of the cells."""
    from condbench.cli.report import write_report
    from condbench.cli.tables import print_summary

    results = target.results()
    written = write_report(target, registry, "html", None)
    if as_json:
        cells = [result.model_dump(mode="json", exclude={"provenance"}) for result in results]
        print(json.dumps({"run": str(target.path), "report": str(written), "cells": cells}, indent=1))
    else:
        print_summary(results)
        print(f"run: {target.path}\nreport: {written}", file=sys.stderr)
    failed = sorted({result.state for result in results} - {"ok", "skipped"})
    if failed:
        count = sum(result.state in failed for result in results)
        resume = f"condbench run --resume {shlex.quote(str(target.path))} --retry {','.join(failed)}"
        print(f"{count} cells did not end well; to run them again: {resume}", file=sys.stderr)
        raise typer.Exit(_FAILED)
