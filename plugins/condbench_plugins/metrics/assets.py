"""The networks' weights that ship with condbench: where they are and their digests, without torch.

Two roles for each family of data: the *extractor* gives the features of FID, the *judge* says which class an image
shows. They are different networks, so that no model scores well on both by one network's blind spots. Beside each
``weights/ROLE-FAMILY.safetensors`` lies a card (JSON) with its recipe, test accuracy and digest.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

Role = Literal["extractor", "judge"]

WEIGHTS = Path(__file__).with_name("weights")


def families(role: Role) -> tuple[str, ...]:
    """The families of data that there are weights for."""
    return tuple(path.stem.removeprefix(f"{role}-") for path in _files(role))


def sha256(path: Path) -> str:
    """The digest of one file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def extractor_digest() -> str:
    """One digest of all extractors: part of the provenance of every FID."""
    return _digest("extractor")


def judge_digest() -> str:
    """One digest of all judges: part of the provenance of every label accuracy."""
    return _digest("judge")


def _digest(role: Role) -> str:
    lines = "".join(f"{path.name} {sha256(path)}\n" for path in _files(role))
    return hashlib.sha256(lines.encode()).hexdigest()


def _files(role: Role) -> list[Path]:
    return sorted(WEIGHTS.glob(f"{role}-*.safetensors"))
