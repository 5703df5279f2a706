"""The entry point of the built-in reporters, a plugin like any other. It imports no template engine."""

from __future__ import annotations

from collections.abc import Iterable

from condbench import hookimpl
from condbench.specs import ReporterSpec


@hookimpl
def condbench_register_reporters() -> Iterable[ReporterSpec]:
    """One file each: a page for people, tables for a pull request, and the plain numbers."""
    yield ReporterSpec(
        name="html",
        target="condbench_reports.html:render",
        summary="one self-contained page: heat maps, leaderboard, sizes, guidance, samples, failures, provenance",
        suffix=".html",
    )
    yield ReporterSpec(
        name="md",
        target="condbench_reports.markdown:render",
        summary="GitHub tables: a matrix per metric, leaderboard, sizes, guidance, failures",
        suffix=".md",
    )
    yield ReporterSpec(
        name="csv",
        target="condbench_reports.csv:render",
        summary="the tidy long table: a line per cell and metric",
        suffix=".csv",
    )
