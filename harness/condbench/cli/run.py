"""`condbench run`: plan cells, see each to its end, report."""

from __future__ import annotations

import json
import shlex
import sys
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
        typer.Option("-b", "--backbone", help="Backbones, e.g. -b flow,'diffusion[width=64]'."),
    ] = None,
    conditioner: Annotated[list[str] | None, typer.Option("-c", "--conditioner", help="Conditioners.")] = None,
    dataset: Annotated[list[str] | None, typer.Option("-d", "--dataset", help="Datasets.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Training seeds per combination.")] = None,
    budget: Annotated[
        str | None,
        typer.Option(metavar="flops=…|samples=…|seconds=…", help="What training gets, e.g. flops=2e12."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.")] = None,
    data_root: Annotated[
        Path | None,
        typer.Option(help="Folder with data sets that do not ship.", file_okay=False, exists=True),
    ] = None,
    executor: Annotated[str, typer.Option(help="How cells are run.")] = "local",
    jobs: Annotated[int, typer.Option(min=1, help="Cells at once; more than one disturbs the speeds measured.")] = 1,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The run's directory; new under runs/ if left out.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with a run; finished cells are kept.")
    ] = None,
    retry: Annotated[
        list[str] | None,
        typer.Option(metavar="STATE", help="With --resume: run cells again that ended so, e.g. failed."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would run, and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Train, measure and report cells: combinations of a dataset, a backbone and a conditioner."""
    from condbench.campaign import execute, new_run, reopen
    from condbench.cli import progress
    from condbench.errors import UserError
    from condbench.registry import installed
    from condbench.store import Run

    registry = installed()
    registry.executors.get(executor)
    if resume is not None:
        selecting = {
            "--all": everything, "--suite": suite, "-b": backbone, "-c": conditioner, "-d": dataset, "--seeds": seeds,
            "--budget": budget, "--device": device, "--data-root": data_root, "--out": out,
        }  # fmt: skip
        if given := [option for option, value in selecting.items() if value]:
            raise UserError(
                f"--resume goes on with what was planned: leave out {', '.join(given)}, or start a new run."
            )
        target = Run(resume)
        if dry_run:
            _show_plan([p for p in target.plan if target.result(p.name) is None], as_json)
            return
        for note in reopen(target, registry, _retry_states(retry or [])):
            print(note, file=sys.stderr)
    else:
        if retry:
            raise UserError("--retry needs a run to take up: add --resume RUN.")
        chosen = _choose_suite(everything, suite, backbone, conditioner, dataset, seeds, budget, device)
        plan = _plan(chosen, registry, data_root)
        if dry_run:
            _show_plan(plan, as_json)
            return
        command = [Path(sys.argv[0]).name, *sys.argv[1:]]
        target = new_run(chosen, plan, registry, out=out, command=command, jobs=jobs, executor=executor)

    try:
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


def _choose_suite(
    everything: bool,
    suite: str | None,
    backbone: list[str] | None,
    conditioner: list[str] | None,
    dataset: list[str] | None,
    seeds: int | None,
    budget: str | None,
    device: str | None,
) -> Suite:
    """The suite that was asked for, with what the command line changes in it."""
    from condbench.budget import Budget
    from condbench.errors import UserError
    from condbench.suite import load_suite

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
        "device": device,
    }
    return load_suite(suite or "quick").model_copy(update={k: v for k, v in changes.items() if v is not None})


def _plan(suite: Suite, registry: Registry, data_root: Path | None) -> list[PlannedCell]:
    from condbench.matrix import plan

    return plan(suite, registry, data_root)


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
    for planned in plan:
        cell = planned.cell
        note = f"skipped: {planned.skip}" if planned.skip else str(cell.budget)
        print(f"{planned.name}\t{cell.dataset}\t{cell.backbone}\t{cell.conditioner}\t{note}")
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
    if any(result.state not in ("ok", "skipped") for result in results):
        raise typer.Exit(_FAILED)
