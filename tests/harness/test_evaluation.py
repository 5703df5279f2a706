from __future__ import annotations

import numpy as np
import torch

from condbench.data import Dataset, Split
from condbench.evaluation import Evaluation, Measurement, Unavailable, evaluate
from tests.toys import TASK


def test_one_metrics_trouble_is_its_own(capsys) -> None:
    split = Split(np.zeros((4, 1, 8, 8), np.uint8), (np.arange(4),))
    evaluation = Evaluation(Dataset("toy", "toy", TASK, split, split), split.x, split.u, torch.device("cpu"))

    def works(e: Evaluation) -> Measurement:
        return Measurement(float(e.shared("mean", lambda: e.samples.mean())), n=4)

    def cannot(e: Evaluation) -> Measurement:
        raise Unavailable("too few samples")

    def is_broken(e: Evaluation) -> Measurement:
        raise ZeroDivisionError("oh")

    results = evaluate(evaluation, [("broken", is_broken), ("cannot", cannot), ("works", works)])
    assert results["works"] == Measurement(0.0, n=4)
    assert str(results["cannot"]) == "too few samples"
    assert str(results["broken"]) == "it raised ZeroDivisionError: oh (its traceback is in the log)"
    assert "Traceback" in capsys.readouterr().err


def test_what_is_shared_is_computed_once() -> None:
    split = Split(np.zeros((4, 1, 8, 8), np.uint8), (np.arange(4),))
    evaluation = Evaluation(Dataset("toy", "toy", TASK, split, split), split.x, split.u, torch.device("cpu"))
    calls: list[int] = []
    for _ in range(3):
        evaluation.shared("key", lambda: calls.append(1))
    assert calls == [1]
