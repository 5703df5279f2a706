"""The estimate of the time left, from what this session has seen, and the bars of a terminal."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from condbench.cli import progress
from tests.made_runs import planned


def test_time_left_follows_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    count = progress._Count(total=12, done=2)  # two were finished in an earlier session: they say nothing of the pace
    assert count.left() == ""
    now, _ = 20.0, count.reach("a", 0.5)
    assert count.left() == "about 0:06:20 left", "half a cell took 20 s, nine and a half are left"
    now, _ = 40.0, count.one_more("a")
    assert count.left() == "about 0:06:00 left"


def test_every_stage_of_a_cells_life_moves_its_bar() -> None:
    """Those too that only some suites have: redraws, and looking back at checkpoints."""
    stages = re.findall(r'self\._stage\("([\w ]+)"\)', (Path(progress.__file__).parents[1] / "cell.py").read_text())
    assert {"train", "redraw", "look back"} <= set(stages)
    line = planned()
    bars = progress._Bars(Progress(console=Console(file=io.StringIO())), progress._Count(total=1, done=0))
    bars.started(line)
    reached = []
    for stage in stages:
        for share in (0.0, 1.0):
            bars.progressed(line, stage, share)
            reached.append(bars.count.begun[line.name])
    assert all(0.0 <= share <= 1.0 for share in reached) and (reached[0], reached[-1]) == (0.0, 1.0)
