"""`condbench check`: did a new revision make anything worse?"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from condbench.gate.baseline import Baseline
    from condbench.gate.outcome import Outcome
    from condbench.gate.retraining import Workshop
    from condbench.results import PlannedCell
    from condbench.store import Run

_INTERRUPTED = 130
_HERE, _WITHIN, _EXECUTOR = ".", "30m", "local"
_QUALITY, _RUN = "a check that trains", "judging a run as it is"
_SPEED, _FILES = "a check of speed", "comparing two files of pytest-benchmark"
_USED = {
    _QUALITY: {"--suite", "--data-root", "--executor", "--jobs", "--out"},
    _RUN: set(),
    _SPEED: {"--suite", "--data-root", "--head", "--within"},
    _FILES: set(),
}
"""Which of the options that only some checks look at each kind of check does look at."""


def check(
    baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Check quality against what `condbench baseline record` made.")
    ] = None,
    speed: Annotated[
        bool, typer.Option("--speed", help="Check speed: head against --base, measured in turns.")
    ] = False,
    benchmarks: Annotated[
        tuple[Path, Path] | None,
        typer.Option(metavar="BASE.json HEAD.json", help="Check two files of pytest-benchmark against each other."),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(metavar="REV|DIST", help="With --speed: a git revision, a distribution's file, or NAME==VERSION."),
    ] = None,
    head: Annotated[str, typer.Option(metavar="DIR|REV|DIST", help="With --speed: what is new.")] = _HERE,
    within: Annotated[str, typer.Option(metavar="TIME", help="With --speed: the time for measuring.")] = _WITHIN,
    run: Annotated[
        Path | None, typer.Argument(help="A run to judge as it is; without one, cells are trained as far as needed.")
    ] = None,
    suite: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="Check this suite's cells only, planned as it says.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 5 where it cannot be told.")] = False,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Also write JUnit XML.")] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Also write Markdown, e.g. for a comment.")
    ] = None,
    github: Annotated[
        bool | None,
        typer.Option("--github/--no-github", help="Annotations and step summary; by default on GitHub only."),
    ] = None,
    data_root: Annotated[
        Path | None, typer.Option(help="Folder with data sets that do not ship.", file_okay=False, exists=True)
    ] = None,
    executor: Annotated[
        str, typer.Option(metavar="NAME", help="How cells are run; `condbench list executors`.")
    ] = _EXECUTOR,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="Cells at once.")] = 1,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The directory of what is trained; new under runs/ if left out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Check quality against a baseline, or speed: 0 fine, 1 worse, 3 a cell failed, 4 not comparable, 5 cannot tell."""
    from condbench.cli.checked import print_outcome
    from condbench.cli.speed import check_speed
    from condbench.errors import UserError
    from condbench.gate.benchmarks import check_benchmarks
    from condbench.gate.reporting.as_json import as_json as to_json
    from condbench.gate.reporting.github import commands, summarise
    from condbench.gate.reporting.junit import junit as to_junit
    from condbench.gate.reporting.markdown import markdown as to_markdown
    from condbench.store import write_atomically

    for option, file in (("--junit", junit), ("--markdown", markdown)):
        if file is not None and not file.parent.is_dir():
            raise UserError(f"the folder '{file.parent}' of {option} does not exist: make it first, or choose another.")
    if (baseline is not None) + speed + (benchmarks is not None) != 1:
        raise UserError(
            "say what to check, one at a time: quality by --baseline FILE, speed by --speed --base REV, or two files "
            "of pytest-benchmark by --benchmarks BASE.json HEAD.json."
        )
    if speed != (base is not None):
        raise UserError("--speed and --base belong together, e.g. condbench check --speed --base origin/main.")
    if run is not None and baseline is None:
        raise UserError(f"'{run}' is judged by a baseline only: give --baseline FILE alone, or leave out '{run}'.")
    given = {
        "--suite": suite is not None,
        "--data-root": data_root is not None,
        "--head": head != _HERE,
        "--within": within != _WITHIN,
        "--executor": executor != _EXECUTOR,
        "--jobs": jobs != 1,
        "--out": out is not None,
    }
    kind = _SPEED if speed else _FILES if benchmarks else _QUALITY if run is None else _RUN
    if idle := [option for option, is_given in given.items() if is_given and option not in _USED[kind]]:
        raise UserError(f"{', '.join(idle)} {'has' if len(idle) == 1 else 'have'} no part in {kind}: leave it out.")
    if base is not None:
        outcome = check_speed(base, head, suite, data_root, within)
    elif benchmarks is not None:
        outcome = check_benchmarks(*benchmarks)
    else:
        assert baseline is not None
        outcome = _check_quality(baseline, run, suite, data_root, executor, jobs, out)

    if junit is not None:
        write_atomically(junit, to_junit(outcome, strict=strict))
    if markdown is not None:
        write_atomically(markdown, to_markdown(outcome))
    if os.environ.get("GITHUB_ACTIONS") == "true" if github is None else github:
        for line in commands(outcome):
            print(line, file=sys.stderr)
        summarise(outcome)
    if as_json:
        print(to_json(outcome, strict=strict))
    else:
        print_outcome(outcome)
    raise typer.Exit(outcome.exit_code(strict=strict))


def _check_quality(
    baseline: Path,
    run: Path | None,
    suite: str | None,
    data_root: Path | None,
    executor: str,
    jobs: int,
    out: Path | None,
) -> Outcome:
    """A run as it is, or cells trained as far as needed."""
    from condbench.gate.baseline import read_baseline
    from condbench.gate.stages import check_run
    from condbench.store import Run

    known = read_baseline(baseline)
    if run is not None:
        return check_run(known, str(baseline), Run(run))
    return _train(known, baseline, suite, data_root, executor, jobs, out)


def _train(
    known: Baseline,
    file: Path,
    suite: str | None,
    data_root: Path | None,
    executor: str,
    jobs: int,
    out: Path | None,
) -> Outcome:
    """Plan the baseline's cells, or a suite's, and take them as far as needed."""
    from condbench.campaign import new_run
    from condbench.cli import progress
    from condbench.cli.installed import installed
    from condbench.gate.planning import plan_cells, plan_suite
    from condbench.gate.retraining import Workshop
    from condbench.gate.stages import check_anew
    from condbench.suite import load_suite

    registry = installed()
    registry.executors.get(executor)
    if suite is None:
        planned = plan_cells(known, registry, data_root)
    else:
        planned = plan_suite(known, load_suite(suite), registry, data_root)
    opened: list[Run] = []

    def open_workshop(plan: list[PlannedCell]) -> Workshop:
        run = new_run(
            plan,
            registry,
            name="check",
            description=f"What a check against {file} trains: more seeds where the first ones do not tell",
            out=out,
            command=[Path(sys.argv[0]).name, *sys.argv[1:]],
            jobs=jobs,
            executor=executor,
        )
        opened.append(run)
        print(
            f"run: {run.path}: training one seed of {len(plan)} cells, more where that does not tell", file=sys.stderr
        )
        return Workshop(run, registry, executor, jobs, progress.observer)

    try:
        return check_anew(planned, file, open_workshop, lambda text: print(text, file=sys.stderr))
    except KeyboardInterrupt:
        for run in opened:
            print(
                f"condbench: interrupted; what was trained is in {shlex.quote(str(run.path))}, a new check starts over",
                file=sys.stderr,
            )
        raise typer.Exit(_INTERRUPTED) from None
