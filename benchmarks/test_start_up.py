"""How long the command line takes to answer: `--help` within 0.25 s, `list` within 0.4 s on an idle machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = str(Path(sys.executable).with_name("condbench"))


@pytest.mark.parametrize(("arguments", "limit"), [(("--help",), 0.25), (("list",), 0.4), (("plugins",), 0.4)])
def test_start_up(benchmark, arguments: tuple[str, ...], limit: float) -> None:
    benchmark.pedantic(
        lambda: subprocess.run([COMMAND, *arguments], check=True, capture_output=True), rounds=10, warmup_rounds=2
    )
    assert benchmark.stats.stats.median <= limit
