"""The sample grid: which image stands where."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from condbench import pictures

SIDE = 4
STRIDE = SIDE + 2


def top_row(labels: list[int], classes: int) -> list[int]:
    """The grey value of each column's first picture; the picture of label k has value k."""
    values = np.array(labels, dtype=np.uint8)
    images = np.broadcast_to(values[:, None, None, None], (len(labels), 1, SIDE, SIDE))
    pixels: NDArray[np.uint8] = np.asarray(Image.open(io.BytesIO(pictures.grid(images, np.array(labels), classes))))
    assert (pixels.shape[1] + 2) % STRIDE == 0
    return [int(value) for value in pixels[0, ::STRIDE]]


def test_a_class_without_samples_is_a_blank_column_and_shifts_nothing() -> None:
    assert top_row([3, 0, 1, 3], classes=5) == [0, 1, 255, 3, 255]


def test_the_first_twenty_classes_have_columns() -> None:
    assert top_row([24, 19, 5], classes=25) == [255] * 5 + [5] + [255] * 13 + [19]


def test_without_labels_images_are_in_reading_order() -> None:
    images = np.broadcast_to(np.arange(20, dtype=np.uint8)[:, None, None, None], (20, 1, SIDE, SIDE))
    pixels = np.asarray(Image.open(io.BytesIO(pictures.grid(images, None, 0))))
    assert pixels[::STRIDE, ::STRIDE][:2].tolist() == [list(range(8)), list(range(8, 16))]
