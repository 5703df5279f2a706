"""What is computed from real data only, kept in the cache folder so that every cell of a run shares it.

The name of a file holds the digests of all that its content depends on. A file that cannot be read is computed again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from condbench.cache import cache_folder

Arrays = Mapping[str, NDArray[Any]]


def cached(
    kind: str, images: NDArray[np.generic], weights_digest: str, device: torch.device, compute: Callable[[], Arrays]
) -> Arrays:
    """``compute()``, once per kind, images, weights, code, libraries, threads and kind of device, on this machine.

    Processes may compute the same at once; files are replaced atomically, so that none reads a half-written one.
    """
    data_digest = hashlib.sha256(np.ascontiguousarray(images).data).hexdigest()
    key = f"{images.shape} {data_digest} {weights_digest} {_code()} {torch.get_num_threads()} {device.type}"
    path = cache_folder() / "reference" / f"{kind}-{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"
    with contextlib.suppress(OSError, ValueError, EOFError, zipfile.BadZipFile), np.load(path) as stored:
        return {name: stored[name] for name in stored.files}
    arrays = compute()
    # A cache that cannot be written (a read-only home, a full disk) costs time and nothing else.
    with contextlib.suppress(OSError):
        _write(path, arrays)
    return arrays


@functools.cache
def _code() -> str:
    """What computes: this package's sources, and the libraries that they call."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    libraries = [f"{name} {version(name)}" for name in ("torch", "torch-fidelity", "numpy")]
    return f"{digest.hexdigest()} {' '.join(libraries)}"


def _write(path: Path, arrays: Arrays) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
        try:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # names are kind-specific, none is allow_pickle
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink()
            raise
