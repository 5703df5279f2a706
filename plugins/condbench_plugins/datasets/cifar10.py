"""cifar10: 60,000 small colour photographs, 32 x 32 (Krizhevsky 2009, "Learning multiple layers of features").

Read by torchvision, from a local folder or its own download. The batches are pickles, so torchvision reads them only if
their checksums are the published ones.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NoReturn

import numpy as np

from condbench.cache import cache_folder
from condbench.data import Dataset, Split
from condbench.errors import UserError
from condbench.specs import Domain, Task
from condbench_plugins.datasets import download

_BATCHES = "cifar-10-batches-py"
_FILES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta")
_LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def load(root: Path | None) -> Dataset:
    """50,000 train and 10,000 test photographs.

    Args:
        root: the only folder to look into and to download to; if None, the cache folder.

    Raises:
        UserError: if the files are nowhere and cannot be downloaded, or are damaged.
    """
    folder = _folder(root)
    _check(folder)
    train, test = _split(folder, train=True), _split(folder, train=False)
    task = Task(target=Domain("image", (3, 32, 32)), condition=(Domain("class", (), len(_LABELS)),))
    return Dataset("cifar10", "cifar10", task, train, test, _LABELS)


def digest(root: Path | None) -> str:
    """The SHA-256 of the files' contents. Arguments and errors are those of `load`, but damage is not looked for."""
    total = hashlib.sha256()
    folder = _folder(root)
    for name in _FILES:
        total.update(hashlib.sha256((folder / name).read_bytes()).digest())
    return total.hexdigest()


def _folder(root: Path | None) -> Path:
    """The folder of the batches, downloaded if need be."""
    if root is not None and not root.is_dir():
        raise UserError(f"--data-root '{root}' is not a folder: create it, or name the one that holds cifar10.")
    home = root or cache_folder() / "data"
    for folder in (home / _BATCHES, home / "cifar10" / _BATCHES):
        if folder.is_dir():
            if missing := [name for name in _FILES if not (folder / name).is_file()]:
                raise UserError(
                    f"'{folder}' lacks {', '.join(missing)}: unpack cifar-10-python.tar.gz anew, or move the folder "
                    "away and let condbench download the data again."
                )
            return folder
    return _download(home)


def _check(folder: Path) -> None:
    """Name the files whose checksums are not the published ones."""
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import check_integrity

    published = [*CIFAR10.train_list, *CIFAR10.test_list, (CIFAR10.meta["filename"], CIFAR10.meta["md5"])]
    damaged = [f"'{folder / name}'" for name, checksum in published if not check_integrity(folder / name, checksum)]
    if damaged:
        raise UserError(
            f"{' and '.join(damaged)} {'is' if len(damaged) == 1 else 'are'} damaged or not CIFAR-10's (the checksum "
            "is another): replace them, or move the folder away and let condbench download the data again."
        )


def _split(folder: Path, *, train: bool) -> Split:
    """Images (N, 3, 32, 32) and labels."""
    from torchvision.datasets import CIFAR10

    read = CIFAR10(folder.parent, train=train)
    return Split(np.ascontiguousarray(read.data.transpose(0, 3, 1, 2)), (np.asarray(read.targets, dtype=np.int64),))


def _download(home: Path) -> Path:
    """The folder of the batches, downloaded by torchvision; nothing stays behind if that fails."""
    try:
        with download.unfinished(home) as folder:
            from torchvision.datasets import CIFAR10

            CIFAR10(folder, download=True)
            return (folder / _BATCHES).replace(home / _BATCHES)
    except (OSError, RuntimeError) as error:
        _nowhere(home, error)


def _nowhere(home: Path, error: Exception) -> NoReturn:
    raise UserError(
        f"no data for cifar10: '{home}' does not hold the folder {_BATCHES}, and the download failed "
        f"({download.reason(error)}); unpack cifar-10-python.tar.gz there, so that '{home / _BATCHES / _FILES[0]}' is "
        "a file."
    ) from error
