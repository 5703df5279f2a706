"""The folder where condbench keeps what can be computed or fetched again; called by plugins."""

from __future__ import annotations

import os
from pathlib import Path

OFFLINE = "CONDBENCH_OFFLINE"
"""The environment variable under which nothing is downloaded."""


def offline() -> bool:
    """Whether nothing may be downloaded: a plugin asks before it does. `condbench doctor` only looks what is there."""
    return bool(os.environ.get(OFFLINE))


def cache_folder() -> Path:
    """``$CONDBENCH_CACHE``, or else the user's cache folder (XDG base directories) with ``condbench`` in it."""
    if chosen := os.environ.get("CONDBENCH_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "condbench"
