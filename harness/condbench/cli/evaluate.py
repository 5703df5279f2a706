"""`condbench evaluate`: score anybody's samples against a data set; no model is needed."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condbench.results import MetricRow

_SMALL = 20  # rows and columns: about what a terminal shows of a table


def evaluate(
    file: Annotated[Path, typer.Argument(metavar="FILE.npz", help="Arrays images and, for classes, labels.")],
    dataset: Annotated[str, typer.Option("-d", "--dataset", metavar="NAME", help="The real data to compare with.")],
    data_root: Annotated[
        Path | None, typer.Option(help="Folder with data sets that do not ship.", file_okay=False, exists=True)
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option("-m", "--metric", metavar="NAME,…", help="Metrics; all default ones if left out."),
    ] = None,
    device: Annotated[str, typer.Option(metavar="DEVICE", help="auto, cpu, cuda or cuda:N.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
) -> None:
    """Score samples from anywhere: an npz of images (uint8) and the labels that they were drawn for."""
    from condbench import provenance
    from condbench.cli.installed import installed
    from condbench.loading import load
    from condbench.machine import choose_device, processor
    from condbench.matrix import select_metrics
    from condbench.npz import read_npz
    from condbench.results import Scores

    registry = installed()
    entry = registry.datasets.get(dataset)
    metrics = select_metrics(metric or ["*"], registry)
    device = choose_device(device)
    data = provenance.digest(entry, entry.spec.fingerprint, data_root)
    real = load(entry.spec, data_root, data)
    images, labels = read_npz(file, real)
    splits = f"{len(real.train):,} train, {len(real.test):,} test"
    print(f"{len(images):,} images of {file} against {real.name} ({splits})", file=sys.stderr)

    import torch  # what is wrong with the command or the file was said by now, at once

    from condbench.building import settle
    from condbench.evaluation import Evaluation
    from condbench.measuring import measure

    settle(torch.get_num_threads(), 0)
    rows = measure(Evaluation(real, images, () if labels is None else (labels,), torch.device(device)), metrics)
    if not as_json:
        _print(rows)
        return
    involved = provenance.distributions([entry, *metrics])
    scores = Scores(
        file=str(file),
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        images=len(images),
        dataset=entry.qualified,
        data=data,
        distributions=involved,
        assets=provenance.assets(metrics, entry.spec, data),
        libraries=provenance.libraries(involved),
        device=device,
        processor=processor(device),
        threads=torch.get_num_threads(),
        metrics=tuple(rows),
    )
    print(scores.model_dump_json(indent=1))


def _print(rows: Sequence[MetricRow]) -> None:
    """A line per metric, then the parts that values are made of, where they are few."""
    from condbench.cli.tables import format_number, format_part, print_table

    print_table(
        ("metric", "value", "interval", "n", "unit", "note"),
        [
            (
                row.name,
                format_number(row.value),
                "-" if row.low is None else f"{format_number(row.low)} to {format_number(row.high)}",
                "-" if row.n is None else f"{row.n:,}",
                row.unit,
                row.reason or row.note,
            )
            for row in rows
        ],
    )
    for row in rows:
        if row.table is None:
            continue
        if max(len(row.table.rows), len(row.table.columns)) > _SMALL:
            print(f"the parts of {row.name} ({row.table.title}) are many: --json has them", file=sys.stderr)
            continue
        print(f"\n{row.name}: {row.table.title}")
        lines = zip(row.table.rows, row.table.values, strict=True)
        print_table(("", *row.table.columns), [(name, *map(format_part, values)) for name, values in lines])
