"""A cell's sample grid as part of a page: the bytes of its PNG file in base64. Called by `html`."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from pathlib import Path

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = 24  # the signature, then the first chunk's length, type (IHDR), width and height (PNG, section 11.2.1)


@dataclass(frozen=True)
class Picture:
    """A PNG file as a ``data:`` address, with its size in pixels so that the page does not jump."""

    source: str
    width: int
    height: int


def picture(path: Path) -> Picture | str:
    """The PNG file at a path, or in words why there is none."""
    if not path.is_file():
        return "no samples"
    data = path.read_bytes()
    if len(data) < _HEADER or not data.startswith(_SIGNATURE):
        return f"{path.name} is damaged"
    width, height = struct.unpack(">II", data[16:_HEADER])
    return Picture(f"data:image/png;base64,{base64.b64encode(data).decode('ascii')}", width, height)
