"""Checks of reporters, on a made run that has what real runs have: failures, holes, and cells that are not done."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path

from condbench.budget import Budget
from condbench.registry import resolve
from condbench.results import (
    Cell,
    CellResult,
    Choice,
    Distribution,
    Machine,
    MetricRow,
    PlannedCell,
    Provenance,
    RunInfo,
    Settings,
    State,
)
from condbench.store import Run
from condbench.testing.check import check
from condbench.testing.outcome import require
from condbench.testing.subject import Subject

_MARKUP = '<script>alert("1")</script>'
_ENDS: tuple[tuple[str, str, State, str], ...] = (
    ("flow", "film", "ok", ""),
    ("flow", "none", "failed", f"RuntimeError: {_MARKUP} & | `code`\nsecond line"),
    ("vae", "film", "ok", ""),
    ("vae", "adain", "skipped", "adain needs features with positions that a site may mix, which vae does not have"),
)


@check("renders")
def renders(subject: Subject) -> None:
    """Of a run with cells that ended well, failed, were skipped and are not done it makes the text of one file, twice
    the same, in which what a plugin's error said cannot become markup. Reports are kept and compared, and errors hold
    anything."""
    spec = subject.entry.spec
    require(spec.suffix.startswith("."), f"the suffix '{spec.suffix}' must start with a dot, e.g. .md")
    with tempfile.TemporaryDirectory() as folder:
        run = _made(Path(folder) / "run", _ENDS)
        render = resolve(spec.target)
        text = render(run)
        require(isinstance(text, str), f"it gives a {type(text).__name__}, not text")
        require(bool(text.strip()), "it gives an empty text")
        require(render(Run(run.path)) == text, "rendered twice, the text differs")
    if spec.suffix in (".html", ".svg"):
        require(_MARKUP not in text, "the reason of a failed cell is not escaped: it becomes markup")
    if spec.suffix == ".json":
        json.loads(text)


@check("renders a run that has only begun")
def renders_a_run_that_has_only_begun(subject: Subject) -> None:
    """A run of which no cell is done can be rendered. `condbench report` is also asked while a run goes on."""
    with tempfile.TemporaryDirectory() as folder:
        text = resolve(subject.entry.spec.target)(_made(Path(folder) / "run", ()))
    require(isinstance(text, str) and bool(text.strip()), "it gives no text")


def _made(path: Path, ends: Iterable[tuple[str, str, State, str]]) -> Run:
    """A run of five cells, with results for those that have ended."""
    plan = {(backbone, conditioner): _planned(backbone, conditioner) for backbone, conditioner, *_ in _ENDS}
    plan["gan", "film"] = _planned("gan", "film")
    machine = Machine(platform="Linux", processor="a processor", cores=2, memory_bytes=2**33, python="3.11")
    info = RunInfo(
        suite="made", command=["condbench", "run"], created="2025-01-01T00:00:00+00:00", machine=machine, plugins=[]
    )
    run = Run.create(path, info, list(plan.values()))
    for number, (backbone, conditioner, state, reason) in enumerate(ends):
        line = plan[backbone, conditioner]
        metrics = _metrics(1.0 + number) if state == "ok" else ()
        run.cell_path(line.name).mkdir(exist_ok=True)
        run.write_result(
            CellResult(name=line.name, state=state, reason=reason, provenance=line.provenance, metrics=metrics)
        )
    return run


def _metrics(value: float) -> tuple[MetricRow, ...]:
    return (
        MetricRow(name="fid", value=10 * value, unit="", better="lower", n=100),
        MetricRow(name="label_accuracy", value=1 / value, unit="share", better="higher", n=100, low=0.0, high=1.0),
        MetricRow(name="kid", value=None, unit="", better="lower", reason="it could not be had"),
    )


def _planned(backbone: str, conditioner: str) -> PlannedCell:
    cell = Cell(
        dataset=Choice(name="mnist10k", distribution="condbench"),
        backbone=Choice(name=backbone, distribution="condbench"),
        conditioner=Choice(name=conditioner, distribution="condbench"),
        budget=Budget(samples=1000),
        seed=0,
    )
    settings = Settings(
        device="cpu",
        precision="fp32",
        threads=1,
        condition_dropout=0.1,
        samples=100,
        metrics=("condbench:fid", "condbench:label_accuracy", "condbench:kid"),
        encoders=("condbench:table",),
        timeout_seconds=60.0,
        memory_bytes=2**32,
    )
    provenance = Provenance(
        cell=cell,
        settings=settings,
        distributions={"condbench": Distribution(version="0", digest="0123456789abcdef")},
        data="0123456789abcdef",
        assets={},
        libraries={"torch": "2"},
        processor="a processor",
    )
    return PlannedCell(name=f"mnist10k.{backbone}.{conditioner}.s0", provenance=provenance)
