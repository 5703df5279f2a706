"""image-folder: anybody's labelled images, in the layout of torchvision's ImageFolder.

::

    DIR/train/CLASS/*.png    what models are trained on
    DIR/test/CLASS/*.png     what they are measured against

All images have one size and are all grey or all in colour. Both splits must be there: which images are held out decides
every figure, so that is left to whoever made the data. Only files are looked at until images are loaded; no torch.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from condbench.data import Dataset, Split
from condbench.errors import UserError
from condbench.specs import Domain, Task

_SPLITS = ("train", "test")
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"})  # torchvision's
_MODES = {"L": "grey", "RGB": "colour"}
_UNREADABLE = (OSError, EOFError, SyntaxError, ValueError, struct.error, zlib.error, Image.DecompressionBombError)


@dataclass(frozen=True)
class _Example:
    """An image's file, and the name and number of its class."""

    file: Path
    label: str
    number: int


def load(root: Path | None) -> Dataset:
    """Both splits, each in a fixed random order, since measuring takes the first so many of a split.

    Args:
        root: the folder that holds train and test.

    Raises:
        UserError: if a folder is missing or has no images, or an image is damaged or unlike the first.
    """
    home = _home(root)
    classes = _classes(home)
    reader = _Reader()
    train, test = (_split(_examples(home / split, classes), reader) for split in _SPLITS)
    task = Task(target=Domain("image", train.x.shape[1:]), condition=(Domain("class", (), len(classes)),))
    return Dataset("image-folder", "image-folder", task, train, test, classes)


def digest(root: Path | None) -> str:
    """The SHA-256 of all images' contents and labels, in their order; arguments and errors are those of `load`.

    Images are not decoded, so that damage within one is found by `load` only.
    """
    home = _home(root)
    classes = _classes(home)
    reader = _Reader()
    total = hashlib.sha256()
    for split in _SPLITS:
        for example in _examples(home / split, classes):
            _, content = reader.open(example.file)
            total.update(f"{split}/{example.label}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def _home(root: Path | None) -> Path:
    if root is None:
        raise UserError(
            "image-folder needs the folder with the images: add --data-root DIR, where DIR/train/CLASS and "
            "DIR/test/CLASS hold them."
        )
    for split in _SPLITS:
        if not (root / split).is_dir():
            raise UserError(
                f"'{root}' has no folder '{split}': image-folder reads '{root}/train/CLASS/*.png' and, for what models "
                f"are measured against, '{root}/test/CLASS/*.png', e.g. a fifth of each class."
            )
    return root


def _classes(home: Path) -> tuple[str, ...]:
    """The names of the classes, sorted, which are those of both splits."""
    train, test = (tuple(sorted(path.name for path in _visible(home / split) if path.is_dir())) for split in _SPLITS)
    if not train:
        raise UserError(f"'{home / 'train'}' has no folders: put the images of each class into '{home}/train/CLASS'.")
    if unknown := sorted(set(test) - set(train)):
        raise UserError(
            f"'{home / 'test' / unknown[0]}' is of a class that '{home / 'train'}' does not have: its classes are "
            f"{', '.join(train)}."
        )
    if missing := sorted(set(train) - set(test)):
        raise UserError(f"'{home / 'test'}' has no folder '{missing[0]}': every class needs test images of its own.")
    return train


def _visible(folder: Path) -> list[Path]:
    """What is in a folder, sorted, without what systems hide there, e.g. ``.DS_Store``."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _examples(split: Path, classes: tuple[str, ...]) -> list[_Example]:
    """The images of a split, by class and then by path."""
    found = []
    for number, label in enumerate(classes):
        files = list(_images(split / label))
        if not files:
            raise UserError(
                f"'{split / label}' holds no images: put some there, or remove the class from train and test; what "
                f"counts as an image ends in {', '.join(sorted(_SUFFIXES))}."
            )
        found += [_Example(file, label, number) for file in files]
    return found


def _images(folder: Path) -> Iterator[Path]:
    """The images in a folder and in the folders within it."""
    for path in _visible(folder):
        if path.is_dir():
            yield from _images(path)
        elif path.suffix.lower() in _SUFFIXES:
            yield path


def _split(examples: list[_Example], reader: _Reader) -> Split:
    """Images (N, C, H, W) and labels (N,), in a fixed random order."""
    x = np.stack([reader.pixels(example.file) for example in examples])
    labels = np.array([example.number for example in examples], dtype=np.int64)
    order = np.random.default_rng(0).permutation(len(examples))
    return Split(x[order], (labels[order],))


class _Reader:
    """Opens images, and holds each to the size and mode of the first."""

    def __init__(self) -> None:
        self._first: tuple[Path, str] | None = None

    def open(self, file: Path) -> tuple[Image.Image, bytes]:
        """An image that is not decoded yet, and its file's content.

        Raises:
            UserError: if it is none, or unlike the first.
        """
        content = file.read_bytes()
        try:
            image = Image.open(io.BytesIO(content))
        except _UNREADABLE as error:
            raise _damaged(file, error) from error
        if image.mode not in _MODES:
            raise UserError(
                f"'{file}' has the mode {image.mode}: convert it to 8-bit grey (L) or colour (RGB), e.g. with Pillow's "
                "Image.convert('RGB')."
            )
        look = f"{image.width} x {image.height} in {_MODES[image.mode]}"
        self._first = first, common = self._first or (file, look)
        if look != common:
            raise UserError(
                f"'{file}' is {look}, but '{first}' is {common}: bring all images to one size and one mode."
            )
        return image, content

    def pixels(self, file: Path) -> NDArray[np.uint8]:
        """One image (C, H, W). Raises as `open` does."""
        image, _ = self.open(file)
        try:
            pixels = np.asarray(image)
        except _UNREADABLE as error:
            raise _damaged(file, error) from error
        return pixels[None] if image.mode == "L" else pixels.transpose(2, 0, 1)


def _damaged(file: Path, error: Exception) -> UserError:
    known = str(error) and not isinstance(error, UnidentifiedImageError)
    reason = str(error) if known else "it has no known format"
    return UserError(f"'{file}' is no image that can be read ({reason}): replace it or take it away.")
