"""Images that tests make: folders in which it is easy to see what shows which class, and blurred ones."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

NAMES = ("one", "two", "three")


def encode(array: NDArray[np.uint8], format: str) -> bytes:
    """(H, W, C), or (H, W), as an image file."""
    buffer = io.BytesIO()
    Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array).save(buffer, format)
    return buffer.getvalue()


def draw(label: int, channels: int, size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Noise with a bright bar: upright, lying or both; in colour each class has a hue of its own, too."""
    image = rng.integers(0, 90, (size, size, channels), np.uint8)
    at = rng.integers(size // 4, size - size // 4, 2)
    ink = np.full(channels, 255, np.uint8)
    if channels == 3:
        ink[label] = 60
    if label in (0, 2):
        image[:, at[0] : at[0] + size // 8 + 1] = ink
    if label in (1, 2):
        image[at[1] : at[1] + size // 8 + 1] = ink
    return image


def write_images(root: Path, *, channels: int, size: int, classes: int, train: int, test: int) -> Path:
    """So many images of each class into ``root/SPLIT/CLASS``."""
    rng = np.random.default_rng(0)
    for split, count in (("train", train), ("test", test)):
        for label in range(classes):
            folder = root / split / NAMES[label]
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                (folder / f"{number}.png").write_bytes(encode(draw(label, channels, size, rng), "PNG"))
    return root


def blurred(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each pixel as the mean of its neighbourhood of 3 x 3; (N, C, H, W)."""
    found: NDArray[np.uint8] = torch.nn.functional.avg_pool2d(torch.from_numpy(images).float(), 3, 1, 1).byte().numpy()
    return found
