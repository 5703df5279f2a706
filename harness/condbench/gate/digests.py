"""Digests of what a cell left in the store: they settle whether two trainings gave the same, to the bit."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from condbench.errors import UserError
from condbench.store import Run

_DIGITS = 16  # of a sha256: enough to tell two files apart, and short in a diff


def of_file(path: Path) -> str:
    """The digest of a file's bytes; empty where there is no file."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_DIGITS]


def of_arrays(*arrays: NDArray[np.generic]) -> str:
    """The digest of what arrays hold, however they are compressed in a file."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.dtype.str}{array.shape}".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()[:_DIGITS]


def of_samples(run: Run, cell: str) -> str:
    """The digest of a cell's samples and their labels; empty where they were not kept.

    Raises:
        UserError: if their file is damaged, e.g. where a run was copied.
    """
    path = run.cell_path(cell) / "samples.npz"
    if not path.is_file():
        return ""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return of_arrays(*(arrays[name] for name in sorted(arrays.files)))
    except Exception as error:  # numpy and zipfile raise about whatever there is
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"'{path}' is damaged ({reason}): restore it, or delete it, so that the cell is judged by its values only."
        ) from None


def of_weights(run: Run, cell: str) -> str:
    """The digest of a cell's trained weights; empty where they were not kept."""
    return of_file(run.cell_path(cell) / "model.safetensors")
