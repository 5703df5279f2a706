"""Fronts: what is dominated, by the definition."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condbench.statistics import front


def test_a_front_of_fid_against_throughput() -> None:
    points = {"good": (2.0, 10.0), "fast": (5.0, 90.0), "neither": (6.0, 80.0), "slow": (2.0, 5.0), "twin": (2.0, 10.0)}
    found = {standing.name: standing.dominated_by for standing in front(points, ("lower", "higher"))}
    assert found == {"good": (), "twin": (), "fast": (), "slow": ("good", "twin"), "neither": ("fast",)}
    with pytest.raises(ValueError, match="good direction"):
        front(points, ("lower", "neither"))


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_along_a_front_what_gets_worse_in_one_gets_better_in_the_other(found: list[tuple[int, int]]) -> None:
    standings = front({str(index): at for index, at in enumerate(found)}, ("lower", "higher"))
    kept = sorted({standing.at for standing in standings if standing.on_front})
    assert kept and all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(kept))
    assert all(set(s.dominated_by) & {k.name for k in standings if k.on_front} for s in standings if not s.on_front)
