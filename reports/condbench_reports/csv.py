"""The CSV reporter: the run's tidy long table, a line per cell and metric. Called through `register`."""

from __future__ import annotations

from condbench.store import Run


def render(run: Run) -> str:
    """The text of `Run.table`; numbers are written so that reading them gives back the same floats."""
    return run.table().to_csv(index=False, lineterminator="\n")
