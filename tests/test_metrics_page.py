"""docs/metrics.md has every metric that is registered and every row that the harness adds itself."""

from __future__ import annotations

import re
from pathlib import Path

from condbench_plugins.register import condbench_register_metrics

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "metrics.md").read_text()


def test_every_metric_and_every_row_of_the_harness_is_on_the_page() -> None:
    harness = "".join((ROOT / "harness" / "condbench" / name).read_text() for name in ("cell.py", "sampling.py"))
    rows = re.findall(r'_row\("(\w+)"|MetricRow\(\s*name="(\w+)"', harness)
    names = {name for found in rows for name in found if name}
    assert {"sampling_latency", "training_energy", "peak_memory"} < names
    names |= {spec.name for spec in condbench_register_metrics()}
    assert not sorted(name for name in names if f"`{name}`" not in PAGE and f"# {name}" not in PAGE)
