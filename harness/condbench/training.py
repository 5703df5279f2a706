"""One loop that trains every family of model under a budget.

`train` is called by `condbench.cell` in the cell's own process; afterwards the model holds the averaged parameters.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor

from condbench.average import Average
from condbench.budget import Budget, Spent
from condbench.condition import Condition
from condbench.errors import Diverged
from condbench.flops import count_flops
from condbench.model import Model

_CURVE_POINTS = 100
_REPORT_SECONDS = 0.5


Forward = Callable[[str, Tensor, Condition], Tensor]
"""`Model.forward`, or what stands in for it."""


@dataclass(frozen=True)
class Point:
    """One point of the training curve: what was spent by then, and each phase's mean loss since the last point."""

    progress: float
    flops: float
    samples: float
    seconds: float
    losses: dict[str, float]


@dataclass(frozen=True)
class Snapshot:
    """A model on its way: what was spent by then, and the state that it would have sampled with."""

    progress: float
    spent: Spent
    state: dict[str, Tensor]


@dataclass
class Training:
    """What training did: the resources it took, which limit ended it, its curve, and the snapshots on its way.

    ``counting_seconds`` of the spent seconds went into steps whose FLOPs were counted, which is slow.
    ``flops_per_image`` is that of the last step, all of its phases.
    """

    steps: int
    spent: Spent
    ended_by: str
    counting_seconds: float
    flops_per_image: float
    curve: list[Point] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)


class Stepper:
    """The optimizers of one phase, each with the average of what it trains."""

    def __init__(self, model: Model, phase: str) -> None:
        averaged = {id(parameter) for parameter in model.averaged_parameters()}
        self.phase = phase
        trained = {id(parameter) for parameter in model.phase_parameters(phase)}
        self.others = [p for p in model.parameters() if id(p) not in trained and p.requires_grad]
        self.optimizers = model.optimizers(phase)
        self.averages = [
            Average([p for group in optimizer.param_groups for p in group["params"] if id(p) in averaged])
            for optimizer in self.optimizers
        ]
        self.rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in self.optimizers]

    def step(self, forward: Forward, model: Model, x: Tensor, u: Condition, progress: float, bf16: bool) -> Tensor:
        """One optimizer step of this phase; the loss, detached."""
        for parameter in self.others:
            parameter.requires_grad_(False)
        with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=bf16):
            loss = forward(self.phase, x, u)
        loss.backward()  # type: ignore[no-untyped-call]
        for parameter in self.others:
            parameter.requires_grad_(True)
        factor = model.learning_rate(self.phase, progress)
        for optimizer, average, rates in zip(self.optimizers, self.averages, self.rates, strict=True):
            # Models trained one per label share a loop: an optimizer whose model was not in the batch rests.
            if not any(p.grad is not None for group in optimizer.param_groups for p in group["params"]):
                continue
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            average.update()
        model.after_step(self.phase)
        return loss.detach()


def train(
    model: Model,
    batches: Iterator[tuple[Tensor, Condition]],
    budget: Budget,
    *,
    condition_dropout: float,
    generator: torch.Generator,
    bf16: bool,
    forward: Forward | None = None,
    compiled: bool = False,
    snapshots: Sequence[float] = (),
    report: Callable[[float], None] = lambda progress: None,
) -> Training:
    """Train ``model`` until the first limit of ``budget`` is reached.

    FLOPs are counted on the first real step of each combination of phases and taken for granted afterwards. The clock
    runs over training steps only, the counting step included.

    Args:
        model: built, on its device; torch's global generator is seeded.
        batches: endless stream of (x, u).
        budget: the limits; schedules see only the progress towards them.
        condition_dropout: the share of samples whose condition is dropped, the same for all conditioners.
        generator: decides which conditions are dropped (on the CPU).
        bf16: whether losses are computed under bfloat16 autocast.
        forward: a data-parallel wrapper of ``model``; the model itself if left out.
        compiled: whether losses go through ``torch.compile``; the step that compiles is off the clock.
        snapshots: rising progress after which to keep the model's state, off the clock.
        report: called with the progress, twice a second at most.

    Raises:
        Diverged: when a loss or a trained parameter is not finite.
    """
    model.train()
    eager = forward or model
    fast = torch.compile(eager) if compiled else eager
    warm: set[tuple[str, ...]] = set()
    steppers: dict[str, Stepper] = {}
    flops_of: dict[tuple[str, ...], float] = {}
    losses: dict[str, list[Tensor]] = {}
    curve: list[Point] = []
    taken: list[Snapshot] = []
    flops = samples = counting_seconds = 0.0
    steps = 0
    start = last_report = time.perf_counter()
    while True:
        spent = Spent(flops, samples, time.perf_counter() - start)
        ended_by = budget.reached(spent)
        progress = budget.progress(spent)
        if losses and (ended_by or progress * _CURVE_POINTS >= len(curve) + 1):
            curve.append(_point(progress, spent, losses))
            losses = {}
        if ended_by:
            break
        if len(taken) < len(snapshots) and progress >= snapshots[len(taken)]:
            taken.append(Snapshot(progress, spent, _averaged_state(model, steppers.values())))
            start = time.perf_counter() - spent.seconds  # off the clock
        if time.perf_counter() - last_report > _REPORT_SECONDS:
            report(progress)
            last_report = time.perf_counter()

        x, u = next(batches)
        u = u.drop(condition_dropout, generator)
        phases = model.phases(progress)
        for phase in phases:
            if phase not in steppers:
                steppers[phase] = Stepper(model, phase)

        with nullcontext() if phases in flops_of else count_flops() as count:
            for phase in phases:
                loss = steppers[phase].step(eager if count else fast, model, x, u, progress, bf16)
                losses.setdefault(phase, []).append(loss)
        if count is not None:
            flops_of[phases] = count.total
            counting_seconds += time.perf_counter() - start - spent.seconds
        elif compiled and phases not in warm:
            warm.add(phases)
            start = time.perf_counter() - spent.seconds
        flops += flops_of[phases]
        samples += len(x)
        steps += 1

    for stepper in steppers.values():
        for average in stepper.averages:
            average.apply()
    if not all(bool(parameter.isfinite().all()) for parameter in model.parameters()):
        raise Diverged(f"a parameter is not finite after {steps} steps")
    model.eval()
    report(1.0)
    return Training(steps, spent, ended_by, counting_seconds, flops_of[phases] / len(x), curve, taken)


def _averaged_state(model: Model, steppers: Iterable[Stepper]) -> dict[str, Tensor]:
    """A copy of the model's state in which averaged parameters are their averages."""
    averaged = {
        id(parameter): shadow
        for stepper in steppers
        for average in stepper.averages
        for parameter, shadow in zip(average.parameters, average.shadow, strict=True)
    }
    names = {name: averaged[id(p)] for name, p in model.named_parameters() if id(p) in averaged}
    return {name: names.get(name, value).detach().clone() for name, value in model.state_dict().items()}


def _point(progress: float, spent: Spent, losses: dict[str, list[Tensor]]) -> Point:
    """Average the losses since the last point; looking at them here, not in every step, spares a GPU the wait."""
    means = {phase: float(torch.stack(values).float().mean()) for phase, values in losses.items()}
    for phase, mean in means.items():
        if not math.isfinite(mean):
            raise Diverged(f"the loss of phase '{phase}' is {mean} at {progress:.0%} of the budget")
    return Point(progress, spent.flops, spent.samples, spent.seconds, means)
