"""How long a training step and a batch of samples take, for every backbone with FiLM.

pytest benchmarks/test_families.py --benchmark-autosave, and later --benchmark-compare; on an idle machine.
"""

from __future__ import annotations

import pytest
import torch
from families import CELLS, family
from pytest_benchmark.fixture import BenchmarkFixture

from condbench.results import PlannedCell
from condbench.sampling import asked_for, draw
from condbench.training import Stepper

SAMPLES = 64
each_family = pytest.mark.parametrize("planned", CELLS, ids=[cell.cell.backbone.name for cell in CELLS])


@each_family
def test_training_step(benchmark: BenchmarkFixture, planned: PlannedCell) -> None:
    """Forward, backward and optimizer of all phases of training's end, with their batch."""
    chosen = family(planned)
    model, batches = chosen.model.train(), chosen.batches()
    steppers = [Stepper(model, phase) for phase in model.phases(1.0)]

    def step() -> None:
        x, u = next(batches)
        for stepper in steppers:
            stepper.step(model, model, x, u, 1.0, chosen.bf16)
        if x.is_cuda:
            torch.cuda.synchronize()

    benchmark.extra_info["images"] = model.batch_size
    benchmark.pedantic(step, rounds=20, warmup_rounds=3)


@each_family
def test_sampling(benchmark: BenchmarkFixture, planned: PlannedCell) -> None:
    """From conditions to 64 images in main memory."""
    chosen = family(planned)
    model, u, target = chosen.model.eval(), asked_for(chosen.dataset, SAMPLES), chosen.dataset.task.target
    benchmark.extra_info["images"] = SAMPLES
    drawn = benchmark.pedantic(draw, (model, u, target, 0), {"bf16": chosen.bf16}, rounds=5, warmup_rounds=1)
    assert len(drawn.x) == SAMPLES
