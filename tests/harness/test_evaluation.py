"""Measuring: one metric's trouble is its own, whatever it is, and labels are checked before anybody sees them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from condbench.data import Dataset, Split, spread
from condbench.evaluation import Evaluation, Measurement, Unavailable, evaluate
from condbench.measuring import measure
from condbench.registry import Entry, Plugin
from condbench.sampling import cycled
from condbench.specs import MetricSpec
from tests.toys import TASK


def toy() -> Evaluation:
    split = Split(np.zeros((4, 1, 8, 8), np.uint8), (np.arange(4),))
    return Evaluation(Dataset("toy", "toy", TASK, split, split), split.x, split.u, torch.device("cpu"))


def test_one_metrics_trouble_is_its_own(capsys) -> None:
    evaluation = toy()

    def works(e: Evaluation) -> Measurement:
        return Measurement(float(e.shared("mean", lambda: e.samples.mean())), n=4)

    def cannot(e: Evaluation) -> Measurement:
        raise Unavailable("too few samples")

    def is_broken(e: Evaluation) -> Measurement:
        raise ZeroDivisionError("oh")

    def leaves(e: Evaluation) -> Measurement:
        raise SystemExit(4)

    metrics = [("broken", is_broken), ("leaves", leaves), ("cannot", cannot), ("works", works)]
    results = evaluate(evaluation, metrics)
    assert results["works"] == Measurement(0.0, n=4)
    assert str(results["cannot"]) == "too few samples"
    assert str(results["broken"]) == "it raised ZeroDivisionError: oh (its traceback is in the log)"
    assert str(results["leaves"]) == "it raised SystemExit: 4 (its traceback is in the log)"
    assert "Traceback" in capsys.readouterr().err


def test_what_is_shared_is_computed_once() -> None:
    evaluation = toy()
    calls: list[int] = []
    for _ in range(3):
        evaluation.shared("key", lambda: calls.append(1))
    assert calls == [1]


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (0.5, "it returned float and not a condbench.evaluation.Measurement"),
        (Measurement("good", n=4), "it raised ValueError: could not convert string to float"),  # type: ignore[arg-type]
        (Measurement(2.0, n=4, low=0.0, high=1.0), "its interval, 0.0 to 1.0, does not hold its value, 2.0"),
        (Measurement(0.5, n=4, low=0.6), "does not hold its value"),
        (Measurement(0.5, n=4, low=0.0, high=math.inf), "is not finite"),
        (Measurement(0.5, n=4, low=math.nan, high=1.0), "its interval, nan to 1.0"),
    ],
)
def test_what_is_no_measurement_has_a_reason(found: Measurement, reason: str) -> None:
    outcome = evaluate(toy(), [("odd", lambda evaluation: found)])["odd"]
    assert isinstance(outcome, Unavailable) and reason in str(outcome)


def test_numbers_of_any_make_become_plain_ones() -> None:
    made = Measurement(np.float32(0.5), n=np.int64(4), low=torch.tensor(0.25), high=np.float64(0.75))  # type: ignore[arg-type]
    found = evaluate(toy(), [("odd", lambda evaluation: made)])["odd"]
    assert found == Measurement(0.5, n=4, low=0.25, high=0.75)
    assert isinstance(found, Measurement) and [type(v) for v in (found.value, found.n, found.low)] == [
        float,
        int,
        float,
    ]


def test_a_metric_that_cannot_be_imported_costs_its_own_row_only() -> None:
    plugin = Plugin("acme", "1.0", "acme")
    specs = [
        MetricSpec(name="gone", target="acme_is_not_here:measure", summary="", unit="", better="lower"),
        MetricSpec(name="fine", target="tests.harness.test_evaluation:fine", summary="", unit="", better="lower"),
    ]
    gone, found = measure(toy(), [Entry(spec, plugin) for spec in specs])
    assert gone.value is None and "it raised ModuleNotFoundError: No module named 'acme_is_not_here'" in gone.reason
    assert (found.name, found.value, found.n) == ("fine", 1.0, 4)


def fine(evaluation: Evaluation) -> Measurement:
    return Measurement(1.0, n=len(evaluation.samples))


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (np.array([0, 1, 2, -1]), "labels must be from 0 to 4; these go from -1 to 2"),
        (np.array([0, 1, 2, 5]), "these go from 0 to 5"),
        (np.array([0, 1, 2, 0.5]), "labels must be whole numbers (N,); these are float64 of shape (4,)"),
        (np.zeros((4, 1), np.int64), "these are int64 of shape (4, 1)"),
        (np.arange(3), "4 samples with 3 labels"),
    ],
)
def test_labels_outside_the_classes_are_refused(labels: np.ndarray, reason: str) -> None:
    with pytest.raises(Unavailable) as caught:
        _ = replace(toy(), u=(labels,)).labels
    assert reason in str(caught.value)
    assert replace(toy(), u=(np.arange(4, dtype=np.uint8),)).labels.dtype == np.int64


@pytest.mark.parametrize("count, total", [(5, 100), (100, 5), (1, 3), (7, 7), (0, 4)])
def test_positions_are_spread_over_the_whole(count: int, total: int) -> None:
    positions = spread(count, total)
    assert len(positions) == min(count, total) == len(set(positions))
    assert all(0 <= position < total for position in positions)
    if min(count, total) > 1:
        assert (positions[0], positions[-1]) == (0, total - 1)


@pytest.mark.parametrize("count", [20, 100, 250])
def test_conditions_of_a_sorted_split_are_of_every_label(count: int) -> None:
    """By however many samples, none, one or several times the split."""
    labels = np.repeat(np.arange(5), 20)
    asked = labels[cycled(Split(np.zeros((100, 1)), (labels,)), count)]
    assert np.bincount(asked).tolist() == [count // 5] * 5
