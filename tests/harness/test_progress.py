"""The estimate of the time left, from what this session has seen."""

from __future__ import annotations

import pytest

from condbench.cli import progress


def test_time_left_follows_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    count = progress._Count(total=12, done=2)  # two were finished in an earlier session: they say nothing of the pace
    assert count.left() == ""
    now, _ = 20.0, count.reach("a", 0.5)
    assert count.left() == "about 0:06:20 left", "half a cell took 20 s, nine and a half are left"
    now, _ = 40.0, count.one_more("a")
    assert count.left() == "about 0:06:00 left"
