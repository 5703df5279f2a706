"""Drawing samples from a trained model, batch by batch, timed; and how long a single call of its sampler takes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condbench.batches import conditions, from_model_range
from condbench.conditioning import Condition, Conditioned
from condbench.data import Dataset, Split, spread
from condbench.errors import Diverged
from condbench.model import Model
from condbench.results import MetricRow, Table
from condbench.specs import Domain
from condbench.statistics import percentile

BATCH = 250

LATENCY_BATCHES = (1, 64)
"""The batch sizes that latency is measured at: one sample for one who waits, and a small batch."""

_LEAST_CALLS, _MOST_CALLS = 2, 200  # the most give a 99th percentile that two calls are beyond
_LATENCY_SECONDS = 2.0  # after which no further call begins
_PERCENTILES = (50, 90, 99)


def asked_for(dataset: Dataset, count: int) -> Condition:
    """``count`` conditions of the test split, at the positions that `cycled` says."""
    at = cycled(dataset.test, count)
    return conditions([torch.from_numpy(part[at]) for part in dataset.test.u], dataset.task)


def cycled(split: Split, count: int) -> NDArray[np.int64]:
    """``count`` positions of a split: all of it as often as it fits, the rest evenly spaced, since it may be sorted."""
    rounds, rest = divmod(count, len(split))
    return np.concatenate([np.tile(np.arange(len(split)), rounds), spread(rest, len(split))])


@dataclass(frozen=True)
class Samples:
    """Drawn samples, stored like `condbench.data.Split.x`, and how fast they came.

    ``throughput`` is in samples per second: the median over full batches, the first of which warms up and does not
    count where there are others. ``evaluations`` counts, per sample, the evaluations of the backbone's networks; a
    classifier that steers it is not among them.
    """

    x: NDArray[np.generic]
    throughput: float
    timed: int
    evaluations: float


def draw(
    model: Model,
    u: Condition,
    domain: Domain,
    seed: int,
    *,
    bf16: bool,
    report: Callable[[float], None] = lambda progress: None,
) -> Samples:
    """Draw one x per condition.

    Each batch has its own generator, seeded from ``seed`` and its position, so that the same seed gives the same bits.

    Raises:
        Diverged: when samples are not finite.
    """
    device = model.device
    networks = [module for module in model.modules() if isinstance(module, Conditioned)]
    before = sum(network.evaluations for network in networks)
    pieces: list[Tensor] = []
    rates: list[float] = []
    with torch.inference_mode(), torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
        for start in range(0, len(u), BATCH):
            batch = u[start : start + BATCH].to(device)
            x, seconds = _call(model, batch, seed + start)
            rates.append(len(batch) / seconds)
            broken = int((~x.isfinite().flatten(1).all(1)).sum())
            if broken:
                raise Diverged(f"{broken} of {len(x)} samples are not finite")
            pieces.append(from_model_range(x, domain))
            report((start + len(batch)) / len(u))
    timed = rates[1 : len(u) // BATCH] or rates[:1]
    return Samples(
        x=torch.cat(pieces).numpy(),
        throughput=float(np.median(timed)),
        timed=len(timed) * min(BATCH, len(u)),
        evaluations=(sum(network.evaluations for network in networks) - before) / len(u),
    )


def latency(model: Model, u: Condition, seed: int, *, bf16: bool) -> MetricRow:
    """How long a call of the sampler takes, from conditions on the device to samples in main memory.

    Each batch size is called once to warm up, then for two seconds, but no less than twice and no more than 200 times;
    a percentile that so many calls cannot tell is None. The row's value is the median of a single sample's seconds; its
    table has a line per batch size.

    Args:
        model: trained, in evaluation mode.
        u: as many conditions as the largest batch at least; calls take turns among them.
        seed: of the samples, which nobody looks at.
        bf16: whether sampling runs under bfloat16 autocast.
    """
    device = model.device
    u = u.to(device)
    lines: list[tuple[float | None, ...]] = []
    with torch.inference_mode(), torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
        for size in LATENCY_BATCHES:
            batches = [u[start : start + size] for start in range(0, len(u) - size + 1, size)]
            seconds: list[float] = []
            _call(model, batches[0], seed)
            while len(seconds) < _LEAST_CALLS or (len(seconds) < _MOST_CALLS and sum(seconds) < _LATENCY_SECONDS):
                seconds.append(_call(model, batches[len(seconds) % len(batches)], seed + len(seconds))[1])
            rate = size / float(np.median(seconds))
            lines.append((*(percentile(seconds, percent) for percent in _PERCENTILES), rate, len(seconds)))
    calls = lines[0][-1]
    assert calls is not None
    return MetricRow(
        name="sampling_latency",
        value=lines[0][0],
        unit="s",
        better="lower",
        n=int(calls),
        table=Table(
            title="seconds that a call takes, by batch size",
            rows=tuple(f"batch {size}" for size in LATENCY_BATCHES),
            columns=(*(f"p{percent}" for percent in _PERCENTILES), "images/s", "calls"),
            values=tuple(lines),
        ),
    )


def latency_seconds(model: Model, u: Condition, *, bf16: bool) -> float:
    """About how long `latency` will take, found by a call of each batch size."""
    device = model.device
    total = 0.0
    with torch.inference_mode(), torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
        for size in LATENCY_BATCHES:
            _, seconds = _call(model, u[:size].to(device), 0)
            calls = min(_MOST_CALLS, max(_LEAST_CALLS, math.ceil(_LATENCY_SECONDS / seconds)))
            total += (1 + calls) * seconds
    return total


def _call(model: Model, u: Condition, seed: int) -> tuple[Tensor, float]:
    """Samples, in main memory, and the seconds that they took."""
    generator = torch.Generator(model.device).manual_seed(seed % 2**63)
    start = time.perf_counter()
    x = model.sample(u, generator).cpu()  # .cpu() waits for a GPU
    return x, time.perf_counter() - start
