"""Sample grids as PNG."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_ROWS = 8
_COLUMNS = 20


def grid(images: NDArray[np.generic], labels: NDArray[np.generic] | None, classes: int) -> bytes:
    """A PNG of some of the images (N, C, H, W), uint8: a column per class, or in reading order without ``labels``.

    ``labels`` (N,) are in ``[0, classes)``. The first twenty classes have a column each; one without images is blank.
    """
    if labels is None:
        columns = [images[start::_ROWS][:_ROWS] for start in range(min(_ROWS, len(images)))]
    else:
        columns = [images[labels == label][:_ROWS] for label in range(min(classes, _COLUMNS))]
    _, channels, height, width = images.shape
    pad = 2
    canvas = np.full((_ROWS * (height + pad) - pad, len(columns) * (width + pad) - pad, channels), 255, dtype=np.uint8)
    for column, pictures in enumerate(columns):
        for row, picture in enumerate(pictures):
            top, left = row * (height + pad), column * (width + pad)
            canvas[top : top + height, left : left + width] = picture.transpose(1, 2, 0)
    return png(canvas)


def png(image: NDArray[np.generic]) -> bytes:
    """(H, W, C) uint8 with one or three channels, encoded."""
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
