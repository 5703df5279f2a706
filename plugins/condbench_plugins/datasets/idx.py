"""Datasets in the file format of MNIST (IDX), from a local folder or, where there is none, from torchvision's download.

Called by `mnist`, `fashion_mnist` and `kmnist`, which differ in names and places only. Nothing here imports torch until
images are read or downloaded.
"""

from __future__ import annotations

import gzip
import hashlib
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from numpy.typing import NDArray

from condbench.cache import cache_folder
from condbench.data import Dataset, Split
from condbench.errors import UserError
from condbench.specs import Domain, Task
from condbench_plugins.datasets import download

if TYPE_CHECKING:
    from torch import Tensor

_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")

# All such datasets use these names; the first labels of the official test splits tell whose they are.
_FIRST_TEST_LABELS = {
    bytes([7, 2, 1, 0, 4, 1, 4, 9, 5, 9]): "mnist",
    bytes([9, 2, 1, 1, 6, 1, 4, 6, 5, 7]): "fashion-mnist",
}


@dataclass(frozen=True)
class Source:
    """One dataset: ``name`` (also of its family), ``labels`` of its classes, and where its files may be.

    ``torchvision`` names the class that downloads it, to the first of ``folders``, which are relative to a data root.
    ``system`` is the folder in which a package of the operating system, ``package``, puts it.
    """

    name: str
    labels: tuple[str, ...]
    torchvision: str
    folders: tuple[str, ...]
    system: Path | None = None
    package: str | None = None


def load(source: Source, root: Path | None) -> Dataset:
    """Both splits, with images of one channel.

    Args:
        source: which dataset.
        root: the only folder to look into and to download to; if None, the system's and the cache folder.

    Raises:
        UserError: if the files are nowhere and cannot be downloaded, or are damaged.
    """
    files = _files(source, root)
    train, test = _split(source, *files[:2]), _split(source, *files[2:])
    task = Task(target=Domain("image", train.x.shape[1:]), condition=(Domain("class", (), len(source.labels)),))
    return Dataset(source.name, source.name, task, train, test, source.labels)


def digest(source: Source, root: Path | None) -> str:
    """The SHA-256 of the four files' contents, compressed or not. Arguments and errors are those of `load`."""
    total = hashlib.sha256()
    for file in _files(source, root):
        total.update(hashlib.sha256(_content(file)).digest())
    return total.hexdigest()


def _files(source: Source, root: Path | None) -> list[Path]:
    """The four files in the order of `_FILES`, downloaded if need be."""
    if root is not None and not root.is_dir():
        raise UserError(f"--data-root '{root}' is not a folder: create it, or name the one that holds {source.name}.")
    home = root or cache_folder() / "data"
    places = [home / folder for folder in source.folders]
    if root is None and source.system:
        places.insert(0, source.system)
    for place in places:
        if files := _complete(place):
            _check_owner(source, files[-1])
            return files
    return _download(source, home)


def _complete(folder: Path) -> list[Path] | None:
    """The four files if ``folder`` has them all, compressed or not."""
    found = []
    for name in _FILES:
        file = next((f for f in (folder / name, folder / f"{name}.gz") if f.is_file()), None)
        if file is None:
            return None
        found.append(file)
    return found


def _check_owner(source: Source, test_labels: Path) -> None:
    """Refuse the files of another dataset, which have the same names."""
    owner = _FIRST_TEST_LABELS.get(_content(test_labels)[8:18], source.name)
    if owner != source.name:
        raise UserError(
            f"'{test_labels.parent}' holds {owner}, not {source.name}: use -d {owner}, or put the files of "
            f"{source.name} into a subfolder of the data root, e.g. {source.folders[0]}."
        )


def _content(file: Path) -> bytes:
    """The bytes of a file, decompressed."""
    try:
        return gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        _damaged(error, file)


def _split(source: Source, images: Path, labels: Path) -> Split:
    """Images and labels as arrays."""
    from torchvision.datasets.mnist import read_image_file, read_label_file

    x, y = _array(images, read_image_file), _array(labels, read_label_file)
    if not len(x) == len(y) > 0:
        _damaged(ValueError(f"{len(x)} images with {len(y)} labels"), images, labels)
    if y.max() >= len(source.labels):
        _damaged(ValueError(f"{len(source.labels)} classes with labels up to {y.max()}"), labels)
    return Split(x[:, None], (y,))


def _array(file: Path, read: Callable[[str], Tensor]) -> NDArray[Any]:
    """What one of torchvision's readers finds in a file."""
    try:
        with _decompressed(file) as plain:
            return read(plain).numpy()
    except (AssertionError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        _damaged(error, file)


@contextmanager
def _decompressed(file: Path) -> Iterator[str]:
    """The path of an uncompressed copy, since torchvision reads no other."""
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain"
        plain.write_bytes(_content(file))
        yield str(plain)


def _damaged(error: Exception, *files: Path) -> NoReturn:
    reason = str(error) or type(error).__name__
    names = " or ".join(f"'{file}'" for file in files)
    raise UserError(
        f"{names} is damaged or not in the IDX format ({reason}): "
        "replace it, or delete that one file and let condbench download the data again."
    ) from error


def _download(source: Source, home: Path) -> list[Path]:
    """The four files, downloaded by torchvision; nothing stays behind if that fails."""
    target = home / source.folders[0]
    try:
        with download.unfinished(home) as folder:
            import torchvision

            getattr(torchvision.datasets, source.torchvision)(folder, download=True)
            target.mkdir(parents=True, exist_ok=True)
            for name in _FILES:
                (folder / source.folders[0] / name).replace(target / name)
    except (OSError, RuntimeError) as error:
        _nowhere(source, home, error)
    return [target / name for name in _FILES]


def _nowhere(source: Source, home: Path, error: Exception) -> NoReturn:
    package = f", or install Debian's package {source.package} and leave out --data-root" if source.package else ""
    raise UserError(
        f"no data for {source.name}: '{home}' does not hold its four IDX files, and the download failed "
        f"({download.reason(error)}); put them there, e.g. as '{home / source.folders[1] / _FILES[0]}.gz'{package}."
    ) from error
