"""Samples of images in an npz file: how condbench writes them, and how anybody's are read and checked.

A file holds ``images``, uint8 (N, H, W, C) or, with one channel, (N, H, W), and ``labels``, whole numbers (N,): the
classes that the images were drawn for. Labels may be missing. What does not fit the data set is refused in a sentence,
since a float taken for an intensity or a channel for a row would become a number like any other.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condbench.data import Dataset
from condbench.errors import UserError
from condbench.specs import Domain

_EXAMPLE = "write them with np.savez(FILE, images=images, labels=labels)"


def write_npz(images: NDArray[np.generic], labels: NDArray[np.generic] | None) -> bytes:
    """Samples (N, C, H, W) as a compressed npz: ``images`` (N, H, W, C) and, for classes, ``labels`` (N,)."""
    buffer = io.BytesIO()
    images = images.transpose(0, 2, 3, 1)
    if labels is None:
        np.savez_compressed(buffer, images=images)
    else:
        np.savez_compressed(buffer, images=images, labels=labels)
    return buffer.getvalue()


def read_npz(path: Path, dataset: Dataset) -> tuple[NDArray[np.uint8], NDArray[np.int64] | None]:
    """Images (N, C, H, W) as `condbench.data.Split.x` has them, and their labels (N,), or None where there are none.

    Raises:
        UserError: if the file cannot be read or does not hold samples of ``dataset``; it says how to mend them.
    """
    target, condition = dataset.task.target, dataset.task.condition
    if target.kind != "image":
        raise UserError(
            f"such files hold images, and {dataset.name} is of the kind '{target.kind}': choose another data set."
        )
    arrays = _arrays(path)
    if "images" not in arrays:
        raise UserError(f"'{path}' has no array 'images' but {', '.join(arrays) or 'none at all'}: {_EXAMPLE}.")
    images = _images(arrays["images"], target, f"the images of '{path}'", dataset.name)
    if "labels" not in arrays:
        return images, None
    if len(condition) != 1 or condition[0].kind != "class":
        raise UserError(f"'{path}' has labels, and the condition of {dataset.name} is not a class: leave them out.")
    return images, _labels(arrays["labels"], len(images), condition[0].size, f"the labels of '{path}'", dataset.name)


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays that the file has of ours; what else it holds is listed, but not read."""
    if not path.is_file():
        raise UserError(f"there is no file '{path}': name an npz file, e.g. one by `condbench sample --out x.npz`.")
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise UserError(f"'{path}' holds a single array, not an npz with names: {_EXAMPLE}.")
        with file:
            return {name: _array(file, name) if name in ("images", "labels") else np.empty(0) for name in file.files}
    except UserError:
        raise
    except Exception as error:  # of a damaged file, numpy and zipfile raise about whatever there is
        if "allow_pickle" in str(error):
            reason = "it is no npz file, or holds pickled objects, which are not read since they can run code"
        else:
            reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"'{path}' cannot be read as an npz of plain arrays ({reason}): {_EXAMPLE}.") from error


def _array(file: Mapping[str, Any], name: str) -> NDArray[Any]:
    """One array of an npz; of a member that is none, numpy hands out the bytes."""
    array = file[name]
    if not isinstance(array, np.ndarray):
        raise ValueError(f"its '{name}' is not an array")
    return array


def _images(images: NDArray[Any], target: Domain, what: str, dataset: str) -> NDArray[np.uint8]:
    """Checked, channels first."""
    channels, height, width = target.shape
    expected = f"(N, {height}, {width}, {channels})" + (f" or (N, {height}, {width})" if channels == 1 else "")
    if images.dtype != np.uint8:
        raise UserError(f"{what} are {images.dtype}, and must be uint8 from 0 to 255: {_to_uint8(images)}.")
    if channels == 1 and images.shape[1:] == (height, width):
        images = images[..., None]
    if images.ndim != 4 or images.shape[1:] != (height, width, channels):
        raise UserError(
            f"{what} have the shape {images.shape}, and {dataset} has {expected}: {_to_shape(images, target)}."
        )
    if not len(images):
        raise UserError(f"{what} are none at all: draw some first, e.g. 10,000 of them.")
    if images.max() == 1:
        raise UserError(
            f"{what} hold only 0 and 1, as fractions do when they are cut to uint8: multiply them by 255 before, e.g. "
            "(images * 255).round().astype(np.uint8)."
        )
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def _to_uint8(images: NDArray[Any]) -> str:
    """How images of another type become uint8."""
    if images.dtype.kind == "b":
        return "convert them with images.astype(np.uint8) * 255"
    if images.dtype.kind not in "iuf" or not images.size:
        return "convert them"
    if broken := int((~np.isfinite(images)).sum()):
        return f"{broken} of their {images.size} numbers are not finite, so find out first what went wrong"
    low, high = images.min(), images.max()
    if images.dtype.kind in "iu":
        within = "images.astype(np.uint8)" if low >= 0 and high <= 255 else "images.clip(0, 255).astype(np.uint8)"
    elif low >= 0 and high <= 1:
        within = "(images * 255).round().astype(np.uint8)"
    elif low >= -1 and high <= 1:
        within = "((images + 1) * 127.5).round().astype(np.uint8)"
    else:
        within = "images.round().clip(0, 255).astype(np.uint8)"
    return f"they go from {low:g} to {high:g}, so convert them, e.g. with {within}"


def _to_shape(images: NDArray[Any], target: Domain) -> str:
    """How images of another shape come into form."""
    channels, height, width = target.shape
    if images.shape[1:] == target.shape:
        return "move the channels last with images.transpose(0, 2, 3, 1)"
    if images.ndim == 2 and images.shape[1] == channels * height * width:
        return f"give rows their form back, e.g. with images.reshape(-1, {height}, {width}, {channels})"
    if images.shape in ((height, width), (height, width, channels)):
        return "put the one image into a stack with images[None]"
    return "resize or convert them, or name the data set that they are of"


def _labels(labels: NDArray[Any], count: int, classes: int, what: str, dataset: str) -> NDArray[np.int64]:
    """Checked."""
    if labels.shape == (count, classes) and classes > 1:
        raise UserError(f"{what} have the shape {labels.shape}, and must be numbers: take labels.argmax(1).")
    if labels.ndim != 1:
        raise UserError(
            f"{what} have the shape {labels.shape}, and must have ({count},): flatten them, e.g. labels[:, 0]."
        )
    if len(labels) != count:
        raise UserError(f"{what} are {len(labels)}, and there are {count} images: give each image its own label.")
    if labels.dtype.kind not in "iu":
        raise UserError(
            f"{what} are {labels.dtype}, and must be whole numbers: number the classes, e.g. labels.astype(int)."
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise UserError(
            f"{what} go from {labels.min()} to {labels.max()}, and the classes of {dataset} from 0 to {classes - 1}: "
            "number them as the data set does."
        )
    return labels.astype(np.int64)
