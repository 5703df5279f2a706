"""The whole matrix under the suite quick: about half an hour of two cores, so it has a tox environment of its own."""

from __future__ import annotations

import json
import time

import pytest

from tests.conftest import Condbench

pytestmark = pytest.mark.campaign


def test_every_family_obeys_its_label_in_time(condbench: Condbench) -> None:
    start = time.monotonic()
    out = json.loads(condbench("run", "--all", "--json", timeout=3600))
    assert time.monotonic() - start < 35 * 60
    assert len(out["cells"]) == 36
    assert all(cell["state"] == "ok" or cell["reason"] for cell in out["cells"])

    accuracy: dict[str, dict[str, float]] = {}
    for cell in out["cells"]:
        _, backbone, conditioner, _ = cell["name"].split(".")
        values = {row["name"]: row["value"] for row in cell["metrics"]}
        if cell["state"] == "ok":
            accuracy.setdefault(backbone, {})[conditioner] = values["label_accuracy"]
            assert values["peak_memory"] < 4 * 2**30
    assert len(accuracy) == 6
    for backbone, by_conditioner in accuracy.items():
        assert max(by_conditioner.values()) >= 0.6, (backbone, by_conditioner)
        assert by_conditioner["none"] < 0.2, (backbone, by_conditioner)
