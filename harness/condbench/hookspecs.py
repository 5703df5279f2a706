"""Everything that a plugin may provide, on one screen.

A plugin is a module (or object) behind an entry point of the group ``condbench.v1``. It implements any of these
hooks with ``@condbench.hookimpl``. The ``condbench_register_*`` hooks take no argument and return an iterable of
frozen specs (`condbench.specs`); they run on every start of the command line and must not import torch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from condbench.events import CellFinished, CellStarted, RunFinished, RunStarted
    from condbench.specs import (
        BackboneSpec,
        ConditionerSpec,
        DatasetSpec,
        EncoderSpec,
        ExecutorSpec,
        MetricSpec,
        ReporterSpec,
    )

GROUP = "condbench.v1"
hookspec = pluggy.HookspecMarker("condbench")
hookimpl = pluggy.HookimplMarker("condbench")


# What there is: each hook yields specs.


@hookspec
def condbench_register_backbones() -> Iterable[BackboneSpec]:
    """Families of generative model: rows of the matrix."""
    raise NotImplementedError


@hookspec
def condbench_register_conditioners() -> Iterable[ConditionerSpec]:
    """Ways for u to get into a backbone: columns of the matrix."""
    raise NotImplementedError


@hookspec
def condbench_register_encoders() -> Iterable[EncoderSpec]:
    """Condition encoders: u -> embeddings, the same for every conditioner."""
    raise NotImplementedError


@hookspec
def condbench_register_datasets() -> Iterable[DatasetSpec]:
    """Datasets: pairs (x, u), split into train and test; ``condbench run -d NAME`` takes one."""
    raise NotImplementedError


@hookspec
def condbench_register_metrics() -> Iterable[MetricSpec]:
    """Measures of samples: a row of every cell's result, and of `condbench evaluate`."""
    raise NotImplementedError


@hookspec
def condbench_register_executors() -> Iterable[ExecutorSpec]:
    """Ways to run cells off the driver; ``condbench run --executor NAME`` takes one."""
    raise NotImplementedError


@hookspec
def condbench_register_reporters() -> Iterable[ReporterSpec]:
    """Renderers of a run: formats of `condbench report`."""
    raise NotImplementedError


# What happens: observers in the driver. One that raises costs a warning, never the cell.


@hookspec
def condbench_run_started(event: RunStarted) -> None:
    """The plan is written and the first cell is about to start."""


@hookspec
def condbench_cell_started(event: CellStarted) -> None:
    """A cell's process was started."""


@hookspec
def condbench_cell_finished(event: CellFinished) -> None:
    """A cell reached its end state, whichever it is; its result is in the store."""


@hookspec
def condbench_run_finished(event: RunFinished) -> None:
    """All cells of the run have reached their end states."""
