"""What a result depends on, beyond what `condbench why` and resuming show."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from condbench import provenance
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


def test_all_files_of_a_package_are_its_source_but_compiled_ones_and_suites(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights that a plugin carries matter as its code does."""
    package = tmp_path / "carries_weights"
    (package / "__pycache__").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))

    def digest() -> str:
        provenance.source_digest.cache_clear()
        return provenance.source_digest("carries_weights")

    found = [digest()]
    for name in ("weights.safetensors", "deeper.py"):
        (package / name).write_bytes(b"1")
        found.append(digest())
        (package / name).write_bytes(b"2")
        found.append(digest())
    assert len(set(found)) == 5
    (package / "__pycache__" / "deeper.cpython-312.pyc").write_bytes(b"3")
    (package / "suites").mkdir()
    (package / "suites" / "small.toml").write_bytes(b"4")
    assert digest() == found[-1], "or a wheel's digest would not be that of the tree which it is built from"
