"""What a cell would cost, found by building it and taking a few steps: its size, and how fast it runs here.

``python -m condbench.probe`` is a process that answers `Question`s from standard input, a JSON line each; `Prober` in
`probing` starts it and asks. So the driver stays without torch while it solves for sizes or shares out a time.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import time
import traceback
from collections.abc import Iterable

import torch

from condbench.batches import Batches, from_model_range
from condbench.building import build, load_dataset, settle
from condbench.data import Dataset
from condbench.evaluation import Evaluation
from condbench.flops import count_flops
from condbench.measuring import measure
from condbench.probing import Leg, Probe, Question
from condbench.registry import Registry, installed
from condbench.sampling import LATENCY_BATCHES, asked_for, cycled, latency_seconds
from condbench.training import Stepper

_WARM_UP, _TIMED = 2, 5  # steps
_SAMPLES = 125
_LIBRARIES_BYTES = 2**30  # what torch maps for itself
_GRID = 200  # points of progress at which phases are asked for


class _Bench:
    """One model with what its training steps need."""

    def __init__(self, question: Question, registry: Registry, dataset: Dataset) -> None:
        self.planned, self.dataset, self.registry = question.planned, dataset, registry
        settings = self.planned.provenance.settings
        self.bf16 = settings.precision == "bf16"
        settle(settings.threads, 0)
        if settings.device == "cpu":
            _limit_memory(settings.memory_bytes)
        self.model = build(self.planned, dataset.task, registry, alone=question.alone).to(settings.device)
        self.model.train()
        order = torch.Generator().manual_seed(0)
        self.batches = iter(
            Batches(
                dataset.train,
                dataset.task,
                self.model.batch_size,
                order,
                device=self.model.device,
                homogeneous=self.model.homogeneous,
            )
        )
        self.steppers: dict[str, Stepper] = {}

    def step(self, phases: tuple[str, ...], progress: float) -> None:
        x, u = next(self.batches)
        for phase in phases:
            if phase not in self.steppers:
                self.steppers[phase] = Stepper(self.model, phase)
            self.steppers[phase].step(self.model, self.model, x, u, progress, self.bf16)
        if x.is_cuda:
            torch.cuda.synchronize()

    def count(self, phases: tuple[str, ...], progress: float) -> float:
        """The FLOPs of a step."""
        with count_flops() as count:
            self.step(phases, progress)
        return count.total

    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.model.parameters())

    def legs(self) -> list[Leg]:
        """The parts that training has, each with its phases: a two-stage model has two."""
        grid = [(index + 0.5) / _GRID for index in range(_GRID)]
        parts: dict[tuple[str, ...], list[float]] = {}
        for progress in grid:
            parts.setdefault(self.model.phases(progress), []).append(progress)
        return [self._leg(phases, where[0], len(where) / _GRID) for phases, where in parts.items()]

    def _leg(self, phases: tuple[str, ...], progress: float, share: float) -> Leg:
        start = time.perf_counter()
        flops = self.count(phases, progress)
        counting = time.perf_counter() - start
        seconds = []
        for _ in range(_WARM_UP + _TIMED):
            start = time.perf_counter()
            self.step(phases, progress)
            seconds.append(time.perf_counter() - start)
        return Leg(
            share=share,
            flops_per_step=flops,
            images_per_step=self.model.batch_size,
            seconds_per_step=statistics.median(seconds[_WARM_UP:]),
            counting_seconds=counting,
        )

    def sample(self) -> torch.Tensor:
        """A small batch of what the untrained model samples."""
        u = asked_for(self.dataset, _SAMPLES).to(self.model.device)
        device = self.model.device
        generator = torch.Generator(device).manual_seed(0)
        self.model.eval()
        with torch.inference_mode(), torch.autocast(device.type, dtype=torch.bfloat16, enabled=self.bf16):
            x = self.model.sample(u, generator).nan_to_num(0).cpu()
        return from_model_range(x, self.dataset.task.target)

    def latency_seconds(self) -> float:
        """How long the cell will measure its latency."""
        u = asked_for(self.dataset, max(LATENCY_BATCHES))
        return latency_seconds(self.model, u, bf16=self.bf16)

    def measure(self, x: torch.Tensor, names: Iterable[str]) -> float:
        """Run metrics on as many samples as the cell will have; the seconds that they take."""
        start = time.perf_counter()
        settings = self.planned.provenance.settings
        at = cycled(self.dataset.test, settings.samples)
        samples = x.numpy()[at % len(x)]
        u = tuple(part[at] for part in self.dataset.test.u)
        evaluation = Evaluation(self.dataset, samples, u, self.model.device, self.model)
        measure(evaluation, [self.registry.metrics.get(name) for name in names])
        return time.perf_counter() - start


def _limit_memory(allowed: int) -> None:
    """Let allocations beyond what a cell may have fail here, before they take the whole machine."""
    if sys.platform == "linux":  # where the limit covers what an allocator maps
        soft, hard = allowed + _LIBRARIES_BYTES, resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def answer(question: Question, registry: Registry, datasets: dict[str, Dataset]) -> Probe:
    """Build the cell's model and find its size; with ``speed`` also how long its life would take."""
    planned = question.planned
    key = planned.cell.dataset.model_dump_json()
    if key not in datasets:
        datasets[key] = load_dataset(planned, registry)
    start = time.perf_counter()
    bench = _Bench(question, registry, datasets[key])
    built = time.perf_counter()
    if not question.speed:
        flops = bench.count(bench.model.phases(1.0), 1.0)
        return Probe(parameters=bench.parameters(), flops_per_image=flops / bench.model.batch_size)
    legs = bench.legs()
    trained = time.perf_counter()
    x = bench.sample()
    sampled = time.perf_counter()
    latency = bench.latency_seconds()
    measuring = again = 0.0
    if question.measure:
        settings = planned.provenance.settings
        measuring = bench.measure(x, settings.metrics)
        more = (*settings.guidance_metrics, *settings.checkpoint_metrics, *settings.redraw_metrics)
        again = bench.measure(x, dict.fromkeys(more)) if more else 0.0
    return Probe(
        parameters=bench.parameters(),
        flops_per_image=legs[-1].flops_per_step / bench.model.batch_size,
        build_seconds=built - start,
        legs=tuple(legs),
        seconds_per_sample=(sampled - trained) / len(x),
        latency_seconds=latency,
        measuring_seconds=measuring,
        again_seconds=again,
        guidable=bench.model.guidance is not None,
    )


def main() -> None:
    """Answer until standard input ends; what plugins print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    registry = installed()
    datasets: dict[str, Dataset] = {}
    for line in sys.stdin:
        question = Question.model_validate_json(line)
        start = time.perf_counter()
        try:
            probe = answer(question, registry, datasets)
        except Exception as error:  # the cell itself will tell; a probe only has to survive it
            traceback.print_exc()
            probe = Probe(error=" ".join(f"{type(error).__name__}: {error}".split()))
        probe = probe.model_copy(update={"seconds": time.perf_counter() - start})
        print(probe.model_dump_json(), file=answers)


if __name__ == "__main__":
    main()
