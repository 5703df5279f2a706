"""Drawing samples from a trained model, batch by batch, timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condbench.batches import from_model_range
from condbench.conditioning import Condition, Conditioned
from condbench.errors import Diverged
from condbench.model import Model
from condbench.specs import Domain

BATCH = 250


@dataclass(frozen=True)
class Samples:
    """Drawn samples, stored like `condbench.data.Split.x`, and how fast they came.

    ``throughput`` is in samples per second: the median over full batches, the first of which warms up and does not
    count where there are others. ``evaluations`` counts, per sample, the evaluations of networks that see u.
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
            generator = torch.Generator(device).manual_seed((seed + start) % 2**63)
            clock = time.perf_counter()
            x = model.sample(batch, generator).cpu()  # .cpu() waits for a GPU
            rates.append(len(batch) / (time.perf_counter() - clock))
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
