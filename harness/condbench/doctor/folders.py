"""The folders that condbench writes to: whether it may, and how much room they have."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from condbench.cache import cache_folder
from condbench.doctor.finding import Finding
from condbench.store import DEFAULT_ROOT

_ROOM = 2**30  # bytes; a run of every pair takes a part of it


def examine_folders() -> Iterator[Finding]:
    """Where runs go, and where what can be fetched or computed again is kept."""
    yield _folder("runs", DEFAULT_ROOT.absolute(), "name another with --out, or go to another folder")
    yield _folder("cache", cache_folder().absolute(), "set CONDBENCH_CACHE to a folder that you may write to")


def _folder(what: str, path: Path, fix: str) -> Finding:
    nearest = next(folder for folder in (path, *path.parents) if folder.exists())
    to_come = "" if nearest == path else ", to be made when it is needed"
    try:
        with tempfile.TemporaryFile(dir=nearest):
            free = shutil.disk_usage(nearest).free
    except OSError as error:
        return Finding("folders", what, "problem", f"'{nearest}' cannot be written to ({error.strerror})", fix)
    says = f"{path}{to_come}: {free / 2**30:.1f} GiB free"
    if free < _ROOM:
        return Finding("folders", what, "warning", says, f"make room, or {fix}")
    return Finding("folders", what, "ok", says)
