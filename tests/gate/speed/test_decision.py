"""How often the speed check is right, simulated with its own code and the spreads of ratios measured in turns."""

from __future__ import annotations

import math

import numpy as np
import pytest

from condbench.gate.speed import decision
from condbench.gate.speed.decision import LOOKS, MARGIN, Watched, look, ratio

MEASURES = 20


def simulate(
    checks: int, spread: float, changes: dict[int, float], everywhere: float = 0.0, measures: int = MEASURES
) -> list[list[str]]:
    """The verdicts of so many checks; rounds of the first measure have the same spread and ``changes`` on top."""
    rng = np.random.default_rng(0)
    shift = np.full(measures, everywhere)
    for index, change in changes.items():
        shift[index] += change
    verdicts = []
    for _ in range(checks):
        rounds = shift + spread * rng.standard_normal((LOOKS[-1], measures))
        watched = [Watched() for _ in range(measures)]
        for number in range(1, LOOKS[-1] + 1):
            for one, value in zip(watched, rounds[number - 1], strict=True):
                if one.verdict is None:
                    one.worse.append(float(value))
            if number in LOOKS:
                look(watched)
            if all(one.verdict for one in watched):
                break
        verdicts.append([str(one.verdict) for one in watched])
    return verdicts


def share(verdicts: list[list[str]], wanted: str) -> float:
    return float(np.mean([wanted in one for one in verdicts]))


@pytest.mark.parametrize("spread", [0.006, 0.02, 0.05])
def test_no_change_is_quiet_and_passes(spread: float) -> None:
    verdicts = simulate(100, spread, {})
    assert share(verdicts, "regressed") == share(verdicts, "improved") == 0
    assert np.mean([one.count("pass") for one in verdicts]) >= 0.95 * MEASURES


def test_everything_worse_by_the_margin_alarms_in_one_check_of_a_hundred() -> None:
    """The hardest case that must be quiet; several looks would otherwise add up."""
    assert share(simulate(1000, 0.03, {}, everywhere=MARGIN, measures=3), "regressed") <= 0.01 + 2 * math.sqrt(
        0.01 * 0.99 / 1000
    )


def test_looks_without_their_shares_would_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: each look at the whole error, and more of them."""
    monkeypatch.setattr(decision, "ERROR", decision.ERROR * len(LOOKS))
    assert share(simulate(1000, 0.03, {}, everywhere=MARGIN, measures=3), "regressed") > 0.02


@pytest.mark.parametrize("spread", [0.006, 0.02, 0.05])
def test_15_percent_slower_is_caught(spread: float) -> None:
    verdicts = simulate(100, spread, {0: math.log(1.15)})
    assert np.mean([one[0] == "regressed" for one in verdicts]) >= 0.95
    assert all("regressed" not in one[1:] for one in verdicts)


def test_20_percent_faster_is_an_improvement() -> None:
    verdicts = simulate(100, 0.03, {0: -math.log(1.2)})
    assert np.mean([one[0] == "improved" for one in verdicts]) >= 0.9


def test_a_wild_spread_cannot_tell() -> None:
    assert np.mean([one.count("inconclusive") for one in simulate(20, 0.3, {})]) >= 0.9 * MEASURES


def test_a_ratio_covers_the_truth() -> None:
    rng = np.random.default_rng(0)
    found = [ratio((math.log(1.1) + 0.03 * rng.standard_normal(6)).tolist(), MEASURES) for _ in range(1000)]
    assert np.mean([one is not None and one.low <= 1.1 <= one.high for one in found]) == pytest.approx(0.95, abs=0.02)
    assert ratio([0.1], MEASURES) is None
