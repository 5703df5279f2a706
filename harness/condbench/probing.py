"""Asking what cells would cost: the questions, the answers, and the process that finds them. It imports no torch."""

from __future__ import annotations

import sys
import time
from typing import Self

from condbench.child import Child, NoAnswer
from condbench.results import PlannedCell, Record


class Question(Record):
    """About a planned cell, or with ``alone`` about its backbone without any conditioner."""

    planned: PlannedCell
    alone: bool = False
    speed: bool = False
    measure: bool = False


class Leg(Record):
    """A part of training with the same phases, e.g. the first stage of a two-stage model."""

    share: float
    flops_per_step: float
    images_per_step: int
    seconds_per_step: float
    counting_seconds: float


class Probe(Record):
    """What a cell would cost; with only its size asked for, the rest is zero.

    ``measuring_seconds`` are those of the main table, ``again_seconds`` those of one more set of samples: from a
    checkpoint, with guidance, or from other noise.
    ``seconds`` is what finding out took, ``error`` why the cell cannot even be built.
    """

    parameters: int = 0
    flops_per_image: float = 0.0
    build_seconds: float = 0.0
    legs: tuple[Leg, ...] = ()
    seconds_per_sample: float = 0.0
    latency_seconds: float = 0.0
    measuring_seconds: float = 0.0
    again_seconds: float = 0.0
    guidable: bool = False
    seconds: float = 0.0
    error: str = ""


class Prober(Child):
    """The probe's process, for the length of a ``with`` block. ``start_seconds``: from nothing to its first answer,
    less what the answer itself took; a cell's own process takes as long to start."""

    def __init__(self) -> None:
        super().__init__([sys.executable, "-m", "condbench.probe"])
        self.start_seconds = 0.0

    def __enter__(self) -> Self:
        self.started: float | None = time.perf_counter()
        return super().__enter__()

    def ask(self, question: Question) -> Probe:
        """Find out; if the process dies, e.g. for want of memory, or takes longer than a whole cell may, that is the
        error of this probe, and the next one has another process."""
        self.write(question.model_dump_json())
        try:
            line = self.read(question.planned.provenance.settings.timeout_seconds)
        except NoAnswer as how:
            self.restart()
            return Probe(error=f"the process that measures cells beforehand {how}")
        probe = Probe.model_validate_json(line)
        if self.started is not None:
            self.start_seconds = max(0.0, time.perf_counter() - self.started - probe.seconds)
            self.started = None
        return probe
