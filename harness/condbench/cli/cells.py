"""Finding the cell that a user means: its directory, or its name within a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from condbench.results import PlannedCell
    from condbench.store import Run


def find_cell(cell: str, run: Path | None) -> tuple[Run, PlannedCell]:
    """The run and the planned cell. Without ``run``, the newest run under `runs/`.

    Raises:
        UserError: if there is no such run or cell.
    """
    from condbench.store import Run

    path = Path(cell).resolve()
    if run is None and path.parent.name == "cells":
        opened = Run(path.parent.parent)
        return opened, opened.planned(path.name)
    opened = Run(run) if run is not None else Run.newest()
    return opened, opened.planned(cell)
