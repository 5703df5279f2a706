"""The run directory: written atomically, read back checked, tabulated by pandas.

::

    runs/<run>/run.json, plan.jsonl      what was asked, on which machine, with which versions
    runs/<run>/cells/<cell>/result.json  written once; its presence means that the cell has ended
    runs/<run>/cells/<cell>/{curve.jsonl, samples.npz, samples.png, model.safetensors, log.txt}

Per-cell files are the truth; every table is derived from them.
"""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from condbench.errors import UserError, unknown
from condbench.results import Cell, CellResult, Choice, MetricRow, PlannedCell, RunInfo, names

if TYPE_CHECKING:
    import pandas as pd

R = TypeVar("R", bound=BaseModel)

DEFAULT_ROOT = Path("runs")


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that it is there whole or not at all: temporary file, fsync, rename."""
    data = content.encode() if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # noqa: PTH101 - mkstemp makes files that only their owner can read
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class Run:
    """A run directory. Opening one checks that it is one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not (path / "run.json").is_file() or not (path / "plan.jsonl").is_file():
            raise UserError(
                f"'{path}' is not a run directory (it has no run.json and plan.jsonl): name one that `condbench run` "
                f"made, e.g. {_newest_name() or 'runs/NAME'}."
            )
        self.info = _read(RunInfo, path / "run.json")

    @classmethod
    def create(cls, path: Path, info: RunInfo, plan: list[PlannedCell]) -> Run:
        """A new run directory with its plan. It must not exist yet, or be empty."""
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            is_run = (path / "run.json").is_file()
            resume = f", or go on with `condbench run --resume {shlex.quote(str(path))}`" if is_run else ""
            raise UserError(f"'{path}' exists already and is not empty: choose another --out{resume}.")
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
        unfinished.chmod(path.parent.stat().st_mode & 0o777)
        (unfinished / "cells").mkdir()
        write_atomically(unfinished / "plan.jsonl", "".join(line.model_dump_json() + "\n" for line in plan))
        write_atomically(unfinished / "run.json", info.model_dump_json(indent=1))
        unfinished.replace(path)  # a run is there whole or not at all
        return cls(path)

    @classmethod
    def newest(cls) -> Run:
        """The newest run under `runs/`."""
        name = _newest_name()
        if name is None:
            raise UserError("there is no run under 'runs/' yet: start one with `condbench run --suite smoke`.")
        return cls(Path(name))

    @property
    def name(self) -> str:
        """The directory's name."""
        return self.path.resolve().name

    @cached_property
    def plan(self) -> list[PlannedCell]:
        """All cells of the run, in their order."""
        path = self.path / "plan.jsonl"
        lines = [_parse(PlannedCell, line, path) for line in path.read_bytes().splitlines()]
        if not lines:
            raise UserError(f"'{path}' is damaged (it has no cells): restore it, or start a new run.")
        return lines

    def planned(self, name: str) -> PlannedCell:
        """The cell of that name."""
        for planned in self.plan:
            if planned.name == name:
                return planned
        raise unknown(f"cell of run '{self.path}'", name, [planned.name for planned in self.plan])

    def cell_path(self, name: str) -> Path:
        """The directory of a cell."""
        return self.path / "cells" / name

    def result(self, name: str) -> CellResult | None:
        """How a cell ended; None if it has not."""
        path = self.cell_path(name) / "result.json"
        return _read(CellResult, path) if path.exists() else None

    def write_result(self, result: CellResult) -> None:
        """Store how a cell ended."""
        path = self.cell_path(result.name)
        path.mkdir(parents=True, exist_ok=True)
        write_atomically(path / "result.json", result.model_dump_json(indent=1))

    def results(self) -> list[CellResult]:
        """All results that there are, in the plan's order."""
        return [result for planned in self.plan if (result := self.result(planned.name)) is not None]

    def table(self) -> pd.DataFrame:
        """The tidy long table: a line per cell and metric; a cell without metrics keeps one line with its reason."""
        import pandas as pd

        called = {kind: names(getattr(planned.cell, kind) for planned in self.plan) for kind in _CHOICES}
        lines: list[dict[str, object]] = []
        for planned in self.plan:
            result = self.result(planned.name)
            common = {"run": self.name, "cell": planned.name, **_identity(planned.cell, called)}
            lines += _metric_lines(common, result) if result else [{**common, "status": "not run yet"}]
        return pd.DataFrame(lines, columns=list(COLUMNS)).astype({"n": "Int64", "redraw": "Int64"})


COLUMNS = (
    *("run", "cell", "dataset", "backbone", "conditioner", "options", "budget", "seed", "status", "reason"),
    *("metric", "guidance", "progress", "redraw", "value", "low", "high", "n", "unit", "better", "note"),
)


_CHOICES = ("dataset", "backbone", "conditioner")


def _identity(cell: Cell, called: Mapping[str, Mapping[tuple[str, str], str]]) -> dict[str, object]:
    choices: dict[str, Choice] = {kind: getattr(cell, kind) for kind in _CHOICES}
    changed = [f"{kind}.{key}={value}" for kind, c in choices.items() for key, value in sorted(c.changed.items())]
    return {
        **{kind: called[kind][choice.distribution, choice.name] for kind, choice in choices.items()},
        "options": " ".join(changed),
        "budget": str(cell.budget),
        "seed": cell.seed,
    }


def _metric_lines(common: dict[str, object], result: CellResult) -> list[dict[str, object]]:
    ended = {**common, "status": result.state, "reason": result.reason}
    rows: list[tuple[float | None, float | None, int, MetricRow]] = [(None, None, 0, row) for row in result.metrics]
    rows += [(guided.scale, None, 0, row) for guided in result.guided for row in guided.metrics]
    rows += [(None, earlier.progress, 0, row) for earlier in result.checkpoints for row in earlier.metrics]
    rows += [(None, None, redraw.seed, row) for redraw in result.redraws for row in redraw.metrics]
    return [
        {
            **ended,
            "metric": row.name,
            "guidance": scale,
            "progress": progress,
            "redraw": redraw,
            "value": row.value,
            "low": row.low,
            "high": row.high,
            "n": row.n,
            "unit": row.unit,
            "better": row.better,
            "note": row.note,
            "reason": row.reason or result.reason,
        }
        for scale, progress, redraw, row in rows
    ] or [ended]


def _newest_name() -> str | None:
    """The newest run under `runs/`, by the time that its directory was planned."""
    runs = (path for path in DEFAULT_ROOT.glob("*/run.json") if path.with_name("plan.jsonl").is_file())
    found = sorted(runs, key=lambda path: path.stat().st_mtime)
    return str(found[-1].parent) if found else None


def _read(model: type[R], path: Path) -> R:
    return _parse(model, path.read_bytes(), path)


def _parse(model: type[R], text: bytes, path: Path) -> R:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        mend = "restore it, or start a new run"
        if path.name == "result.json":
            run = shlex.quote(str(path.parent.parent.parent))
            mend = f"remove it and go on with `condbench run --resume {run}`, or restore it"
        raise UserError(
            f"'{path}' is damaged or of another version ({where + ': ' if where else ''}{first['msg']}): {mend}."
        ) from None
