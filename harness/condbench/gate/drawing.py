"""Draws samples from frozen weights and measures them: ``python -m condbench.gate.drawing``, asked by `frozen`.

It reads a `Question` per line from standard input and writes an `Answer` per line to standard output.
"""

from __future__ import annotations

import os
import sys

import torch
from safetensors.torch import load_file

from condbench.building import build, load_dataset, settle
from condbench.evaluation import Evaluation
from condbench.gate import digests
from condbench.gate.baseline import Draw, round_value
from condbench.gate.frozen import Answer, Question
from condbench.measuring import measure
from condbench.registry import Registry, installed
from condbench.sampling import asked_for, cycled, draw

_NOISE = 2**40
"""The first seed of the noise; a cell's own seeds change when its plugin gets another option, and this must not."""


def answer(question: Question, registry: Registry) -> Answer:
    """Every draw of a question: the same labels, those of the first test images, each time with other noise."""
    planned = question.planned
    settings = planned.provenance.settings
    settle(settings.threads, 0)
    dataset = load_dataset(planned, registry)
    model = build(planned, dataset.task, registry)
    model.load_state_dict(load_file(question.weights))
    model = model.to(settings.device).eval()
    u = asked_for(dataset, question.images)
    labels = tuple(part[cycled(dataset.test, question.images)] for part in dataset.test.u)
    metrics = [registry.metrics.get(name) for name in settings.metrics]
    draws = []
    for index in range(question.draws):
        noise = _NOISE + index * question.images
        drawn = draw(model, u, dataset.task.target, noise, bf16=settings.precision == "bf16")
        evaluation = Evaluation(dataset, drawn.x, labels, torch.device(settings.device), model, noise)
        rows = measure(evaluation, metrics)
        values = {row.name: round_value(row.value) for row in rows if row.value is not None}
        draws.append(Draw(values=values, samples=digests.of_arrays(drawn.x)))
    return Answer(draws=tuple(draws))


def main() -> None:
    """Answer until standard input ends; what plugins print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    registry = installed()
    for line in sys.stdin:
        try:
            found = answer(Question.model_validate_json(line), registry)
        except Exception as error:  # e.g. weights that do not fit the network any more
            found = Answer(error=" ".join(f"{type(error).__name__}: {error}".split()))
        print(found.model_dump_json(), file=answers)


if __name__ == "__main__":
    main()
