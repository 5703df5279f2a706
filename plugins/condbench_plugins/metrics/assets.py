"""The weights of the networks that judge samples: where they are and their digests, without torch.

Two roles: the *extractor* gives the features of FID, the *judge* says which class an image shows. They are different
networks, so that no model scores well on both by one network's blind spots. A pair ships for some families of data, as
``weights/ROLE-FAMILY.safetensors``; for any other data `condbench judge train` puts one into the cache folder, under a
name that derives from the digests of the data and of the code that trains. Beside each file lies a card (JSON) with its
recipe, test accuracy and digest.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Literal

from condbench.cache import cache_folder

Role = Literal["extractor", "judge"]

WEIGHTS = Path(__file__).with_name("weights")
_CODE = ("classifiers.py", "train_classifiers.py", "train_pair.py")


def families(role: Role) -> tuple[str, ...]:
    """The families of data that weights ship for."""
    return tuple(path.stem.removeprefix(f"{role}-") for path in sorted(WEIGHTS.glob(f"{role}-*.safetensors")))


def shipped_path(role: Role, family: str) -> Path:
    """Where the weights for a family are that ships."""
    return WEIGHTS / f"{role}-{family}.safetensors"


def trained_path(role: Role, data: str) -> Path:
    """Where weights are, or would be, that were trained on the data with this digest by the code as it is."""
    key = hashlib.sha256(f"{data} {_code_digest()}".encode()).hexdigest()[:32]
    return cache_folder() / "classifiers" / f"{role}-{key}.safetensors"


def find(role: Role, family: str, data: str) -> Path | None:
    """The weights for data of this family and with this digest: shipped, or else trained; None if there are none."""
    if family in families(role):
        return shipped_path(role, family)
    trained = trained_path(role, data)
    return trained if data and trained.is_file() else None


def sha256(path: Path) -> str:
    """The digest of one file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def extractor_digest(family: str, data: str) -> str:
    """The digest of the extractor for these data, part of the provenance of every FID; empty if there is none."""
    return _digest("extractor", family, data)


def judge_digest(family: str, data: str) -> str:
    """The digest of the judge for these data, part of the provenance of label accuracies; empty if there is none."""
    return _digest("judge", family, data)


def _digest(role: Role, family: str, data: str) -> str:
    path = find(role, family, data)
    return sha256(path) if path else ""


@cache
def _code_digest() -> str:
    """What decides how networks are made and trained."""
    return hashlib.sha256(b"\0".join(Path(__file__).with_name(name).read_bytes() for name in _CODE)).hexdigest()
