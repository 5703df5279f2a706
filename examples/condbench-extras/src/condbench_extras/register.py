"""What this distribution adds to condbench. It imports nothing but specs: code is named, not loaded."""

from __future__ import annotations

from collections.abc import Iterable

from condbench import hookimpl
from condbench.specs import MetricSpec, ReporterSpec


@hookimpl
def condbench_register_metrics() -> Iterable[MetricSpec]:
    """A row more in every cell's result."""
    yield MetricSpec(
        name="nearest_centroid",
        target="condbench_extras.nearest_centroid:measure",
        summary="share of samples that are nearest to the mean image of the class that was asked for",
        unit="share",
        better="higher",
    )


@hookimpl
def condbench_register_reporters() -> Iterable[ReporterSpec]:
    """A format more of `condbench report`."""
    yield ReporterSpec(
        name="svg",
        target="condbench_extras.svg:render",
        summary="a figure for a README: each metric's values, a line per combination, a dot per seed",
        suffix=".svg",
    )
