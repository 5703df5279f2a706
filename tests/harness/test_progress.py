"""The estimate of the time left, from what this session has seen, and the bars of a terminal."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from condbench.cli import progress
from condbench.results import PlannedCell
from tests.made_runs import planned


def named(*names: str, **forecasts: float) -> list[PlannedCell]:
    cells = [planned().model_copy(update={"name": name}) for name in names]
    return [cell.model_copy(update={"forecast_seconds": forecasts.get(cell.name)}) for cell in cells]


def test_time_left_follows_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    plan = named(*"abcdefghijkl")
    count = progress._Count(plan, done={"k", "l"})  # finished in an earlier session: they say nothing of the pace
    assert count.left() == ""
    now, _ = 20.0, count.reach(plan[0], "train", 4 / 7)
    assert count.left() == "about 0:06:20 left", "half a cell took 20 s, nine and a half are left"
    now, _ = 40.0, count.one_more("a")
    assert (count.left(), count.done) == ("about 0:06:00 left", 3)


def test_time_left_knows_that_cells_are_not_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    count = progress._Count(named("short", "long", "skipped", short=10, long=90), done={"skipped"})
    now, _ = 20.0, count.one_more("short")
    assert count.left() == "about 0:03:00 left", "twice its forecast, as the rest will take"


def test_lines_count_what_cells_at_work_have_behind_them(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    plan = named("a", "b", "c")
    lines = progress._Lines(progress._Count(plan, done=()))
    lines.progressed(plan[1], "sample", 0.0)
    now, _ = 18.0, lines.count.one_more("a")
    assert lines.count.left() == "about 0:00:12 left", "1.8 cells took 18 s, 1.2 are left"


def test_every_stage_of_a_cells_life_moves_its_bar() -> None:
    """Those too that only some suites have: redraws, and looking back at checkpoints."""
    stages = re.findall(r'self\._stage\("([\w ]+)"\)', (Path(progress.__file__).parents[1] / "cell.py").read_text())
    assert {"train", "redraw", "look back"} <= set(stages)
    line = planned()
    bars = progress._Bars(Progress(console=Console(file=io.StringIO())), progress._Count([line], done=()))
    bars.started(line)
    reached = []
    for stage in stages:
        for share in (0.0, 1.0):
            bars.progressed(line, stage, share)
            reached.append(bars.count.begun[line.name])
    assert all(0.0 <= share <= 1.0 for share in reached) and (reached[0], reached[-1]) == (0.0, 1.0)
