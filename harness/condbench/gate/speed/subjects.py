"""What is measured of both sides in a round: a cell's training, sampling and memory, or how fast a command answers."""

from __future__ import annotations

import math
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Protocol

from condbench.gate.speed.sides import CannotMeasure, Meter, Side
from condbench.results import PlannedCell
from condbench.specs import Better
from condbench.suite import Suite

_CHUNK_SECONDS = 0.3
_CHUNK = {"train": (8, 200), "sample": (8, 250)}  # the fewest steps, or samples, of a chunk, and the most
_CHUNKS, _CALLS = 7, 7  # of each side per round
_ANSWER_SECONDS = 60


@dataclass(frozen=True)
class Measure:
    """A row's name, unit and direction."""

    name: str
    unit: str
    better: Better


@dataclass(frozen=True)
class Pair:
    """A round of one measure: base's typical value, and the logarithm of how many times worse head's were."""

    base: float
    worse: float


class Subject(Protocol):
    """Something with measures that both sides can be asked for."""

    @property
    def name(self) -> str:
        """What a report calls it."""

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What a round measures."""

    def round(self, base: Side, head: Side, base_first: bool) -> dict[str, Pair]:
        """Measure both in turns, in fresh processes; a pair per measure's name.

        Raises:
            CannotMeasure: if a side gives no measurement.
        """


class CellSpeed:
    """A planned cell: images per second in training and in sampling, and the most memory that its process held.

    How many steps and samples a chunk has is found in the first round, on base, and stays.
    """

    measures = (
        Measure("training_throughput", "images/s", "higher"),
        Measure("sampling_throughput", "images/s", "higher"),
        Measure("peak_memory", "bytes", "lower"),
    )

    def __init__(self, planned: PlannedCell, suite: Suite, data_root: Path | None) -> None:
        self.name = planned.name.rpartition(".")[0]
        keys = {"name", "condition_dropout", "encoders", "device", "precision", "threads"}
        cell = planned.cell
        choices = {"datasets": cell.dataset, "backbones": cell.backbone, "conditioners": cell.conditioner}
        self.suite: dict[str, object] = {
            **suite.model_dump(mode="json", include=keys),
            **{kind: [f"{choice.distribution}:{choice}"] for kind, choice in choices.items()},
            "budget": "samples=1",  # a suite has one; each chunk has its own
        }
        self.data_root = None if data_root is None else str(data_root.resolve())
        self.chunk: dict[str, int] = {}

    def round(self, base: Side, head: Side, base_first: bool) -> dict[str, Pair]:
        """See `Subject`; both models are built at the same time, and then take turns."""
        with ExitStack() as stack:
            of_base, of_head = (stack.enter_context(Meter(side)) for side in (base, head))
            for meter in (of_base, of_head):
                meter.tell("prepare", [self.suite, self.data_root])
            for meter in (of_head, of_base):  # head first: if it is broken, that base has no such cell excuses nothing
                meter.listen()
            trained, sampled = (self._turns(of_base, of_head, what, base_first) for what in _CHUNK)
            memory = of_base.ask("memory").bytes, of_head.ask("memory").bytes
        return {
            "training_throughput": trained,
            "sampling_throughput": sampled,
            "peak_memory": Pair(memory[0], math.log(memory[1] / memory[0])),
        }

    def _turns(self, of_base: Meter, of_head: Meter, what: str, base_first: bool) -> Pair:
        """Chunks of steps or of samples, after a small one each that warms up."""
        least, most = _CHUNK[what]
        warm_up = of_base.ask(what, least)
        of_head.ask(what, least)
        if what not in self.chunk:
            self.chunk[what] = max(least, min(most, round(_CHUNK_SECONDS * least / warm_up.seconds)))
        pairs = _alternate(
            lambda base: _throughput(of_base if base else of_head, what, self.chunk[what]), _CHUNKS, base_first
        )
        return Pair(median(b for b, _ in pairs), median(math.log(b / h) for b, h in pairs))


class StartUp:
    """How long `condbench` takes to answer a command, from the start of its process to its end."""

    measures = (Measure("start_up", "s", "lower"),)

    def __init__(self, *arguments: str) -> None:
        self.arguments = arguments
        self.name = " ".join(["condbench", *arguments])

    def round(self, base: Side, head: Side, base_first: bool) -> dict[str, Pair]:
        """See `Subject`."""
        for side in (base, head):
            self._answer(side)  # a first call reads files that a second finds in memory
        pairs = _alternate(lambda of_base: self._answer(base if of_base else head), _CALLS, base_first)
        return {"start_up": Pair(median(b for b, _ in pairs), median(math.log(h / b) for b, h in pairs))}

    def _answer(self, side: Side) -> float:
        start = time.perf_counter()
        try:
            answer = subprocess.run(
                side.command("-m", "condbench", *self.arguments),
                env=dict(side.variables),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_ANSWER_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise CannotMeasure(side, f"`{self.name}` had no answer after {_ANSWER_SECONDS} s") from None
        seconds = time.perf_counter() - start
        if answer.returncode:
            last = (answer.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise CannotMeasure(side, f"`{self.name}` exits with {answer.returncode} ({last})")
        return seconds


def _alternate(measure: Callable[[bool], float], count: int, base_first: bool) -> list[tuple[float, float]]:
    """Values of base and head in turns: A B, B A, A B."""

    def pairs() -> Iterator[tuple[float, float]]:
        for number in range(count):
            if base_first == (number % 2 == 0):
                one = measure(True)
                yield one, measure(False)
            else:
                other = measure(False)
                yield measure(True), other

    return list(pairs())


def _throughput(meter: Meter, what: str, amount: int) -> float:
    answer = meter.ask(what, amount)
    return answer.images / answer.seconds
