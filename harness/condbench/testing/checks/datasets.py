"""Checks of datasets: that the arrays are what the task says, and that their digest identifies them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condbench.data import Dataset, Split
from condbench.errors import UserError
from condbench.loading import load
from condbench.registry import resolve
from condbench.specs import Domain
from condbench.testing.check import check
from condbench.testing.outcome import NotApplicable, listing, require
from condbench.testing.subject import Subject

_DTYPES = {"image": np.uint8, "video": np.uint8, "tokens": np.int64, "class": np.int64}


@check("data as declared")
def data_as_declared(subject: Subject) -> None:
    """Both splits hold pairs of x and u of the task's shapes, as uint8 or int64 and within their sizes, and the
    spec's family and kinds are the dataset's. Cells are planned by the spec alone, and batches are made without
    another look."""
    dataset = _loaded(subject)
    spec, task = subject.entry.spec, dataset.task
    kinds = tuple(part.kind for part in task.condition)
    require(task.target.kind == spec.target_kind, f"its x are {task.target.kind}, its spec says {spec.target_kind}")
    require(
        kinds == spec.condition_kinds, f"its u are {', '.join(kinds)}, its spec says {', '.join(spec.condition_kinds)}"
    )
    for name, split in (("train", dataset.train), ("test", dataset.test)):
        require(len(split) > 0, f"the {name} split is empty")
        _check_array(f"x of the {name} split", split.x, task.target, len(split))
        require(
            len(split.u) == len(task.condition),
            f"u of the {name} split has {len(split.u)} parts, and the task's condition {len(task.condition)}",
        )
        for part, domain in zip(split.u, task.condition, strict=True):
            _check_array(f"u of the {name} split", part, domain, len(split))


@check("every label has data")
def every_label_has_data(subject: Subject) -> None:
    """Each class occurs in both splits and, if classes have names, each has one. A model per label learns from its
    own label's data only, and label accuracy is measured for the labels of the test split."""
    dataset = _loaded(subject)
    classes = [(part, domain) for part, domain in enumerate(dataset.task.condition) if domain.kind == "class"]
    if not classes:
        raise NotApplicable("its u hold no class")
    for part, domain in classes:
        for name, split in (("train", dataset.train), ("test", dataset.test)):
            missing = sorted(set(range(domain.size)) - set(split.u[part].tolist()))
            require(not missing, f"the {name} split has no x of class {listing(list(map(str, missing)))}")
    size = classes[0][1].size
    require(
        not dataset.labels or len(dataset.labels) == size, f"it names {len(dataset.labels)} labels for {size} classes"
    )


@check("a digest that identifies the data")
def a_digest_that_identifies_the_data(subject: Subject) -> None:
    """The fingerprint is the same in every process, and loading twice gives the same arrays. The digest says whether
    a result may be reused; one that comes from hash() or a date never would be, and one of shuffled data lies."""
    _, again = _loaded(subject), _loaded(subject)
    root = subject.data_root
    digest = resolve(subject.entry.spec.fingerprint)(root)
    require(
        isinstance(digest, str) and bool(digest), f"the fingerprint is {digest!r}, not text that identifies the data"
    )
    code = (
        "import sys, pathlib; from condbench.registry import resolve; "
        "print(resolve(sys.argv[1])(pathlib.Path(sys.argv[2]) if sys.argv[2:] else None))"
    )
    command = [sys.executable, "-c", code, subject.entry.spec.fingerprint, *([] if root is None else [str(root)])]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONHASHSEED": "1"})
    require(done.returncode == 0, f"the fingerprint fails in a fresh process: {(done.stderr.splitlines() or [''])[-1]}")
    elsewhere = done.stdout.splitlines()[-1]
    require(elsewhere == digest, f"the fingerprint is {digest} here and {elsewhere} in another process")
    first = _loaded(subject)
    for name in ("train", "test"):
        one, two = getattr(first, name), getattr(again, name)
        same = all(np.array_equal(a, b) for a, b in zip(_arrays(one), _arrays(two), strict=True))
        require(same, f"loading twice gives another {name} split: take a fixed order")


def _arrays(split: Split) -> list[NDArray[Any]]:
    return [split.x, *split.u]


def _loaded(subject: Subject) -> Dataset:
    try:
        resolve(subject.entry.spec.fingerprint)(subject.data_root)
    except UserError as error:
        raise NotApplicable(str(error)) from None
    return load(subject.entry.spec, subject.data_root, "")


def _check_array(what: str, array: NDArray[Any], domain: Domain, count: int) -> None:
    wanted = (count, *domain.shape)
    require(array.shape == wanted, f"{what} has shape {array.shape}, not {wanted}")
    require(array.dtype == _DTYPES[domain.kind], f"{what} is {array.dtype}, not {np.dtype(_DTYPES[domain.kind])}")
    if domain.size:
        least, most = int(array.min()), int(array.max())
        require(least >= 0 and most < domain.size, f"{what} is in [{least}, {most}], not in [0, {domain.size})")
