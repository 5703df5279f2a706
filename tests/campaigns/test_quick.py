"""The whole matrix in 45 minutes of this machine, so it has a tox environment of its own."""

from __future__ import annotations

import json
import time

import pytest

from condbench.machine import available_cores
from tests.conftest import Condbench

pytestmark = pytest.mark.campaign


MINUTES = 45


def test_the_whole_matrix_ends_in_time_and_every_family_obeys_its_label(condbench: Condbench) -> None:
    start = time.monotonic()
    within = ("--within", f"{MINUTES}m", "--jobs", str(available_cores()))
    out = json.loads(condbench("run", "--all", *within, "--json", timeout=2 * 60 * MINUTES))
    assert 0.85 * MINUTES < (time.monotonic() - start) / 60 < 1.15 * MINUTES
    assert len(out["cells"]) >= 120
    assert all(
        cell["state"] in ("ok", "skipped") and (cell["state"] == "ok" or cell["reason"]) for cell in out["cells"]
    )

    accuracy: dict[str, dict[str, float]] = {}
    for cell in out["cells"]:
        _, backbone, conditioner, _ = cell["name"].split(".")
        values = {row["name"]: row["value"] for row in cell["metrics"]}
        if cell["state"] == "ok":
            accuracy.setdefault(backbone, {})[conditioner] = values["label_accuracy"]
            assert values["peak_memory"] < 4 * 2**30
    assert len(accuracy) >= 10
    for backbone, by_conditioner in accuracy.items():
        assert max(by_conditioner.values()) >= 0.6, (backbone, by_conditioner)
        assert by_conditioner["none"] < 0.2, (backbone, by_conditioner)
