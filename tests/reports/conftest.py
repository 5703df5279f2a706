"""Runs on disk, written through the store."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from report_runs import BACKBONES, CONDITIONERS, TROUBLE, UNFINISHED, Make, grid, planned, result, rows

from condbench.results import CellResult, Machine, PlannedCell, PluginState, RunInfo
from condbench.store import Run


@pytest.fixture
def make_run(tmp_path: Path) -> Make:
    def make(plan: list[PlannedCell], results: Iterable[CellResult] = (), **info: object) -> Run:
        described: dict[str, object] = {
            "suite": "quick",
            "description": "Every backbone with every conditioner on 10,000 real digits",
            "command": ["condbench", "run", "--all", "--out", "runs/my first"],
            "created": "2025-03-01T12:00:00+00:00",
            "machine": Machine(
                platform="Linux-6.1-x86_64",
                processor="Example Processor @ 2.0 GHz",
                cores=2,
                memory_bytes=8 * 2**30,
                python="3.11.9",
            ),
            "plugins": [PluginState(distribution="condbench", version="0.1.0", entry_point="builtin", state="active")],
        }
        run = Run.create(tmp_path / "demo", RunInfo.model_validate({**described, **info}), plan)
        for one in results:
            run.write_result(one)
        return run

    return make


@pytest.fixture
def full_run(make_run: Make) -> Run:
    """36 cells: every state, one cell not run yet, a metric without a value, a grid for each ok cell."""
    plan, results = [], []
    for i, backbone in enumerate(BACKBONES):
        for j, conditioner in enumerate(CONDITIONERS):
            state, reason = TROUBLE.get((backbone, conditioner), ("ok", ""))
            line = planned(backbone, conditioner, skip=reason if state == "skipped" else "")
            plan.append(line)
            if (backbone, conditioner) == UNFINISHED:
                continue
            fid = None if (backbone, conditioner) == ("vae", "none") else 48.0 * 0.62 ** (i + 1.3 * j % 4)
            accuracy = 0.1 + 0.88 * (j / 5) ** 0.5 * (0.6 + 0.08 * i)
            metrics = rows(fid, accuracy, 40.0 * 3.1**i / (1 + 0.1 * j)) if state == "ok" else ()
            results.append(result(line, metrics, state, reason))
    run: Run = make_run(plan, results)
    for index, one in enumerate(results):
        if one.state == "ok":
            (run.cell_path(one.name) / "samples.png").write_bytes(grid(index))
    return run
