"""From a dataset's spec to its data, with their digest. No torch here, unless the plugin needs it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from condbench.data import Dataset
from condbench.errors import UserError
from condbench.registry import resolve
from condbench.specs import DatasetSpec


def load(spec: DatasetSpec, root: Path | None, digest: str) -> Dataset:
    """A dataset with its digest, which is known to the caller.

    Raises:
        UserError: if the data are not to be had, or are not of the family that their spec says.
    """
    dataset: Dataset = resolve(spec.target)(root)
    if dataset.family != (family := spec.family or spec.name):
        raise UserError(
            f"the data of '{spec.name}' are of the family '{dataset.family}' and its DatasetSpec says '{family}': mend "
            "the plugin, e.g. by its spec's key family."
        )
    return replace(dataset, digest=digest)
