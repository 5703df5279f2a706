"""`condbench judge`: the networks that metrics judge samples by, for data that none ship for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from condbench.registry import Entry
    from condbench.specs import MetricSpec

judge = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@judge.callback()
def _group() -> None:
    """The networks that metrics judge samples by."""


@judge.command()
def train(
    dataset: Annotated[str, typer.Argument(help="A dataset; `condbench list datasets`.")],
    data_root: Annotated[
        Path | None,
        typer.Option(help="Folder with data sets that do not ship.", file_okay=False, exists=True),
    ] = None,
) -> None:
    """Train the judges of a dataset.

    They learn from its train split, in a few minutes, and are kept: FID and label accuracy find them by the data's
    digest.
    """
    from condbench import provenance
    from condbench.cli.installed import installed
    from condbench.errors import UserError
    from condbench.registry import resolve

    registry = installed()
    data = registry.datasets.get(dataset)
    trainers: dict[str, Entry[MetricSpec]] = {}
    for metric in registry.metrics:
        if metric.spec.trainer:
            trainers.setdefault(metric.spec.trainer, metric)
    if not trainers:
        raise UserError("no metric that is installed can train its networks: see `condbench list metrics`.")
    digest = provenance.digest(data, data.spec.fingerprint, data_root)

    from condbench.building import settle
    from condbench.loading import load

    with data.blamed(data.spec.target):
        loaded = load(data.spec, data_root, digest)
    for number, (trainer, metric) in enumerate(trainers.items(), 1):
        settle(1, 0)  # one thread, so that the same data give the same weights on any number of cores
        with metric.blamed(trainer):
            print(resolve(trainer)(loaded, _progress(f"training network {number} of {len(trainers)}")))


def _progress(what: str) -> Callable[[float], None]:
    """Says how far training is, on one line of a terminal that is written over; elsewhere it stays silent."""

    def report(progress: float) -> None:
        if sys.stderr.isatty():
            line = f"{what}: {progress:.0%}" if progress < 1 else ""
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)

    return report
