"""What a result depends on, beyond what `condbench why` and resuming show."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from condbench.provenance import libraries

METADATA = """\
Metadata-Version: 2.4
Name: condbench-peer
Version: 1.0
Requires-Dist: condbench
Requires-Dist: Hypothesis>=6
Requires-Dist: torch>=2
Requires-Dist: absent-here>=1; sys_platform == "amiga"
Requires-Dist: pytest; extra == "test"
"""


def test_what_a_third_party_requires_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "condbench_peer-1.0.dist-info").mkdir()
    (tmp_path / "condbench_peer-1.0.dist-info" / "METADATA").write_text(METADATA)
    monkeypatch.syspath_prepend(str(tmp_path))
    ours = libraries(["condbench (harness)", "condbench"])
    assert libraries(["condbench (harness)", "condbench", "condbench-peer"]) == ours | {
        "hypothesis": version("hypothesis")
    }
