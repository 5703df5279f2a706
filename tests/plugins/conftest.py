"""Plugins planted in one folder, and the registry that finds them there, in this process."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from condbench.discovery import discover
from condbench.registry import Registry
from tests.planting import plant

BACKBONE = """
from condbench import hookimpl
from condbench.specs import BackboneSpec

@hookimpl
def condbench_register_backbones():
    yield BackboneSpec(name="planted", target="nowhere:build", summary="a planted backbone")
"""


class Site:
    """A folder on the path; what is imported from it is forgotten afterwards."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def plant(self, name: str, source: str, **more: str) -> None:
        plant(self.folder, name, source, **more)
        importlib.invalidate_caches()

    def registry(self) -> Registry:
        """Of what is planted, and nothing else."""
        return Registry(discover([str(self.folder)]))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield Site(folder)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]
