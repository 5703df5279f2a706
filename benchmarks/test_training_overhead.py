"""What the harness costs over the same model and optimizer in a bare loop: at most 3 %.

Run it on an idle machine: ``tox -e benchmarks``. Both loops run the same steps on the same batches, alternating, so
that a machine that slows down slows both.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from condbench.batches import Batches
from condbench.budget import Budget
from condbench.building import build, load_dataset
from condbench.conditioning import Condition
from condbench.data import Dataset
from condbench.machine import best_precision
from condbench.matrix import plan
from condbench.model import Model
from condbench.registry import installed
from condbench.suite import load_suite
from condbench.training import train

STEPS = 30
ROUNDS = 8
BF16 = best_precision("cpu") == "bf16"


def prepared(name: str) -> tuple[Model, Dataset]:
    suite = load_suite("smoke").model_copy(update={"backbones": [name], "conditioners": ["film"]})
    (planned,) = plan(suite, installed(), None)
    dataset = load_dataset(planned, installed())
    torch.manual_seed(0)
    return build(planned, dataset.task, installed()), dataset


def batches(model: Model, dataset: Dataset) -> Iterator[tuple[Tensor, Condition]]:
    generator = torch.Generator().manual_seed(0)
    return iter(Batches(dataset.train, dataset.task, model.batch_size, generator, device=torch.device("cpu")))


def bare(model: Model, dataset: Dataset, steps: int) -> float:
    """Seconds that the steps take in the plainest loop there is: no budget, no averaging, no schedule."""
    optimizers = {phase: model.optimizers(phase) for phase in model.phases(0.0)}
    stream = batches(model, dataset)
    model.train()
    start = time.perf_counter()
    for _ in range(steps):
        x, u = next(stream)
        for phase, owned in optimizers.items():
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=BF16):
                loss = model.loss(phase, x, u)
            loss.backward()
            for optimizer in owned:
                optimizer.step()
            model.zero_grad(set_to_none=True)
            model.after_step(phase)
    return time.perf_counter() - start


def harness(model: Model, dataset: Dataset, steps: int) -> float:
    """Seconds that the same steps take through `condbench.training.train`, its counting step left out."""
    done = train(
        model,
        batches(model, dataset),
        Budget(samples=(steps + 1) * model.batch_size),
        condition_dropout=0.1,
        generator=torch.Generator().manual_seed(0),
        bf16=BF16,
    )
    return done.spent.seconds - done.counting_seconds


@pytest.mark.parametrize("name", ["flow", "vae", "gan"])
def test_training_overhead(benchmark, name: str) -> None:
    torch.set_num_threads(2)
    model, dataset = prepared(name)
    bare(model, dataset, 2)
    ratios = []

    def alternate() -> None:
        if len(ratios) % 2:  # neither is always the one that runs on the warmer machine
            other, one = harness(model, dataset, STEPS), bare(model, dataset, STEPS)
        else:
            one, other = bare(model, dataset, STEPS), harness(model, dataset, STEPS)
        ratios.append(other / one)

    benchmark.pedantic(alternate, rounds=ROUNDS)
    benchmark.extra_info["ratio"] = ratio = statistics.median(ratios)
    print(f"\n{name}: the harness takes {ratio:.3f} times the bare loop (rounds: {[f'{r:.3f}' for r in ratios]})")
    assert ratio <= 1.03
