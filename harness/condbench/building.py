"""From a planned cell to its dataset and its model; called by `cell` and by `condbench sample`."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from condbench.conditioning import Build, Conditioned, ConditionEncoder, Conditioner, MakeEncoder, Wrap
from condbench.data import Dataset
from condbench.errors import UserError
from condbench.loading import load
from condbench.model import Model
from condbench.options import restore_options
from condbench.provenance import digest
from condbench.registry import Entry, Registry, resolve
from condbench.results import Choice, PlannedCell
from condbench.specs import BackboneSpec, DatasetSpec, EncoderSpec, Task
from condbench.store import Run

ENCODER_DIM = 128
"""The size of a condition's embeddings, the same for every conditioner."""


def settle(threads: int, value: int) -> None:
    """Make this process deterministic: its threads pinned, everything seeded, only deterministic algorithms."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with a fixed workspace
    random.seed(value)
    np.random.seed(value % 2**32)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # it would write every tensor twice
    torch.manual_seed(value)


def load_dataset(planned: PlannedCell, registry: Registry) -> Dataset:
    """The cell's dataset."""
    entry, root = _data(planned, registry)
    return load(entry.spec, root, planned.provenance.data)


def data_digest(planned: PlannedCell, registry: Registry) -> str:
    """What identifies the cell's data as they are now."""
    entry, root = _data(planned, registry)
    return digest(entry, entry.spec.fingerprint, root)


def _data(planned: PlannedCell, registry: Registry) -> tuple[Entry[DatasetSpec], Path | None]:
    choice = planned.cell.dataset
    entry = registry.datasets.get(f"{choice.distribution}:{choice.name}")
    return entry, None if planned.data_root is None else Path(planned.data_root)


def build(planned: PlannedCell, task: Task, registry: Registry, *, alone: bool = False) -> Model:
    """The cell's untrained model: its backbone, lifted by its conditioner; with ``alone``, the backbone as it is."""
    cell = planned.cell
    backbone = registry.backbones.get(f"{cell.backbone.distribution}:{cell.backbone.name}").spec
    conditioner = registry.conditioners.get(f"{cell.conditioner.distribution}:{cell.conditioner.name}").spec
    bound = bind(backbone, _options(backbone.options, cell.backbone))
    if alone:
        return bound(task, Conditioned)
    lifter: Conditioner = resolve(conditioner.target)(_options(conditioner.options, cell.conditioner))
    encoders = [registry.encoders.get(name).spec for name in planned.provenance.settings.encoders]
    return lifter.lift(bound, task, encoder_maker(encoders, task))


def bind(backbone: BackboneSpec, options: object) -> Build:
    """A backbone's ``build`` with its options."""
    build_backbone = resolve(backbone.target)

    def bound(task: Task, wrap: Wrap) -> Model:
        model: Model = build_backbone(task, wrap, options)
        return model

    return bound


def encoder_maker(encoders: Sequence[EncoderSpec], task: Task) -> MakeEncoder:
    """What makes fresh encoders of the task's condition, out of one encoder for each kind."""
    by_kind = {spec.encodes: spec for spec in encoders}

    def make_encoder() -> ConditionEncoder:
        parts = [resolve(by_kind[domain.kind].target)(domain, ENCODER_DIM) for domain in task.condition]
        return ConditionEncoder(parts, ENCODER_DIM)

    return make_encoder


def load_model(run: Run, planned: PlannedCell, task: Task, registry: Registry) -> Model:
    """The cell's trained model, ready to sample.

    Raises:
        UserError: if the cell has no trained model.
    """
    path = run.cell_path(planned.name) / "model.safetensors"
    if not path.exists():
        raise UserError(
            f"the cell '{planned.name}' has no trained model ({path} is not there): see how it ended with "
            f"`condbench report {run.path}`, or finish it with `condbench run --resume {run.path}`."
        )
    model = build(planned, task, registry)
    model.load_state_dict(load_file(path))
    return model.eval()


def _options(reference: str | None, choice: Choice) -> object:
    return None if reference is None else restore_options(resolve(reference), choice.options)
