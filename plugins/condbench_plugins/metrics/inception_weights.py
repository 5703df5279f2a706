"""Where the weights of torch-fidelity's Inception are, and their digest, without torch.

``$CONDBENCH_INCEPTION_WEIGHTS`` names a file; else it is the one that torch-fidelity downloads into torch hub's cache
folder, whose name ends in the first digits of its SHA-256.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path

from condbench_plugins.metrics.assets import sha256

VARIABLE = "CONDBENCH_INCEPTION_WEIGHTS"
PUBLISHED = "weights-inception-2015-12-05-6726825d.pth"
PUBLISHED_DIGEST = "6726825d"


def given_file() -> Path | None:
    """The file that the environment names, if it names one; it need not exist."""
    chosen = os.environ.get(VARIABLE)
    return Path(chosen) if chosen else None


def downloaded_file() -> Path:
    """Where torch hub keeps what torch-fidelity downloads, whether it is there or not (see `torch.hub.get_dir`)."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", f"{cache}/torch")
    return Path(home).expanduser() / "hub" / "checkpoints" / PUBLISHED


def inception_digest(family: str, data: str) -> str:
    """What `fid_inception` depends on, whatever the data: a given file's digest, or the published one's first digits.

    Before a download that is what it must have; `condbench_plugins.metrics.inception` checks that it does.
    """
    path = given_file()
    if path is None:
        return PUBLISHED_DIGEST
    return _digest(path, path.stat().st_mtime_ns) if path.is_file() else "no such file"


@functools.cache
def _digest(path: Path, _changed: int) -> str:
    """A campaign asks for every cell, and the file has a hundred megabytes."""
    return sha256(path)
