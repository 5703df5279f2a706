"""Change points: where a level changes it is found there, and noise alone has none."""

from __future__ import annotations

import numpy as np
import pytest

from condbench.statistics.change_points import change_points


def test_levels_are_found_where_they_begin() -> None:
    rng = np.random.default_rng(0)
    series = np.concatenate([np.full(12, 0.0), np.full(10, 1.0), np.full(12, 0.2)]) + 0.1 * rng.standard_normal(34)
    assert change_points(series.tolist()) == [12, 22]


def test_noise_has_none_but_for_the_level_of_the_test() -> None:
    rng = np.random.default_rng(1)
    alarms = [bool(change_points(rng.standard_normal(16).tolist(), seed=i)) for i in range(60)]
    assert np.mean(alarms) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 60)


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 20, [1.0, 2.0, 3.0]])
def test_nothing_to_find(values: list[float]) -> None:
    assert change_points(values) == []
