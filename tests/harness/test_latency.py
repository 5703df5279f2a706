"""How long a call of a sampler takes: on a clock that the sampler itself turns, so that every figure is known."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from condbench import sampling
from condbench.condition import Condition
from condbench.model import Model
from condbench.results import MetricRow
from condbench.specs import Domain
from condbench.statistics import percentile


class Clock(Model):
    """A sampler that takes ``seconds`` for a call and as much again per sample; its very first calls take longer."""

    def __init__(self, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seconds, self.now = seconds, 0.0
        self.calls: list[list[int]] = []
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        return self.weight.square()

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        assert torch.is_inference_mode_enabled()
        cold = not any(len(call) == len(u) for call in self.calls)
        self.calls.append(u.parts[0].tolist())
        self.now += self.seconds * (1 + len(u)) + (0.7 if cold else 0.0)
        return torch.zeros(len(u), 1, 4, 4)


def measured(model: Clock) -> MetricRow:
    return sampling.latency(model, Condition.of(torch.arange(256)), 0, bf16=False)


def test_every_figure_is_of_a_call_without_its_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Clock(1e-4, monkeypatch)
    row = measured(model)
    assert row.table is not None and row.table.columns == ("p50", "p90", "p99", "images/s", "calls")
    assert row.table.rows == ("batch 1", "batch 64")
    one, many = row.table.values
    assert one == pytest.approx((2e-4, 2e-4, 2e-4, 5000, 200))
    assert many == pytest.approx((65e-4, 65e-4, 65e-4, 64 / 65e-4, 200))
    assert (row.name, row.value, row.n, row.unit) == ("sampling_latency", one[0], 200, "s")


def test_conditions_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model per label is called for all of them, not for one that its processor knows by heart."""
    model = Clock(1e-4, monkeypatch)
    measured(model)
    assert {tuple(call) for call in model.calls if len(call) == 1} == {(i,) for i in range(200)}
    assert len({tuple(call) for call in model.calls if len(call) == 64}) == 4


@pytest.mark.parametrize(("seconds", "calls"), [(0.1, (10, 2)), (10.0, (2, 2))])
def test_a_slow_sampler_is_called_less_and_says_what_it_cannot_tell(
    monkeypatch: pytest.MonkeyPatch, seconds: float, calls: tuple[int, int]
) -> None:
    row = measured(Clock(seconds, monkeypatch))
    assert row.table is not None
    for line, count in zip(row.table.values, calls, strict=True):
        p50, p90, p99, _, n = line
        assert n == count and p50 is not None
        assert (p90 is None, p99 is None) == (count < 10, count < 100)


@pytest.mark.parametrize("seconds", [1e-4, 3e-3, 0.05, 4.0])
def test_the_forecast_is_about_what_it_takes(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """For a sampler of constant speed, once it is warm: one call more or less."""
    model = Clock(seconds, monkeypatch)
    model.calls = [[0], [0] * 64]  # warm
    forecast = sampling.latency_seconds(model, Condition.of(torch.arange(64)), bf16=False)
    start = model.now
    measured(model)
    assert forecast == pytest.approx(model.now - start, abs=2 * seconds)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300), st.sampled_from([1, 10, 50, 90, 99]))
def test_percentiles_are_numpys_or_none(values: list[float], percent: int) -> None:
    found = percentile(values, percent)
    if found is None:
        assert len(values) * min(percent, 100 - percent) < 100
    else:
        assert found == pytest.approx(float(np.percentile(values, percent)), abs=1e-6)
        assert len(values) >= 2


def test_a_model_draws_the_same_samples_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of their own seeds: measuring latency in between changes nothing."""

    class Noise(Clock):
        def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
            super().sample(u, generator)
            return torch.rand(len(u), 1, 4, 4, generator=generator)

    model, u, domain = Noise(1e-4, monkeypatch), Condition.of(torch.arange(300)), Domain("image", (1, 4, 4))
    first = sampling.draw(model, u, domain, 7, bf16=False)
    measured(model)
    again = sampling.draw(model, u, domain, 7, bf16=False)
    np.testing.assert_array_equal(first.x, again.x)
    assert len(np.unique(first.x[:, 0, 0, 0])) > 50
