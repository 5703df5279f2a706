"""Copies of the toy distribution, installed for the length of a test, with a bug planted or without."""

from __future__ import annotations

import itertools
import os
import shutil
from pathlib import Path

import pytest

from condbench.discovery import discover
from condbench.hookspecs import GROUP
from condbench.registry import Registry

TOY = Path(__file__).with_name("toy")
_numbers = itertools.count()

Bug = tuple[tuple[str, str, str], str, str]
"""What is planted (a file, what stands there once, what takes its place), the case that must fail, what it must say."""


def plant(folder: Path, monkeypatch: pytest.MonkeyPatch, *bugs: tuple[str, str, str]) -> Registry:
    """Install the toy distribution as "planted" under ``folder``, each bug (file, old, new) in its place."""
    package = f"planted{next(_numbers)}"  # a name of its own, since modules stay imported
    code, info = folder / package, folder / "planted-1.0.dist-info"
    shutil.copytree(TOY, code, ignore=shutil.ignore_patterns("__pycache__"))
    for file, old, new in bugs:
        source = (code / file).read_text()
        assert source.count(old) == 1, f"{old!r} is {source.count(old)} times in {file}"
        (code / file).write_text(source.replace(old, new))
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nplugin = {package}.register\n")
    monkeypatch.syspath_prepend(folder)
    path = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *([path] if path else [])]))
    return Registry(discover())
