"""The extractor and the judge: two classifiers of different make, and how their weights are loaded.

Called by the metrics and by `train_classifiers`. Both networks take images (B, C, H, W) in [-1, 1].
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.batches import to_model_range
from condbench.evaluation import Unavailable
from condbench.specs import Domain
from condbench_plugins.metrics.assets import WEIGHTS, Role, families, find, sha256


class Extractor(nn.Module):
    """Plain convolutions without normalisation; ``features`` are its 128 penultimate activations."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(64, 64, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(4),  # the identity for 28 x 28
            nn.Flatten(),
        )
        self.last = nn.Linear(64 * 16, 128)
        self.head = nn.Linear(128, classes)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, 128)."""
        return F.relu(self.last(self.body(x)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> logits (B, classes)."""
        logits: Tensor = self.head(F.dropout(self.features(x), 0.3, self.training))
        return logits


class _Residual(nn.Module):
    """h + two convolutions with batch norm (He et al. 2016, arXiv:1512.03385)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, h: Tensor) -> Tensor:
        """(B, width, H, W) -> the same shape."""
        return F.relu(h + self.branch(h))


class Judge(nn.Module):
    """A small residual network with batch norm and global pooling."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, 32, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            _Residual(32),
            nn.Conv2d(32, 64, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            _Residual(64),
            _Residual(64),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> logits (B, classes)."""
        logits: Tensor = self.head(self.body(x))
        return logits


Classifier = Extractor | Judge

ARCHITECTURES: dict[Role, type[Classifier]] = {"extractor": Extractor, "judge": Judge}

_ON_A_CARD = frozenset({"sha256", "shape", "classes", "test_accuracy", "test_images"})


@dataclass(frozen=True)
class Weights:
    """The weights of one network: their file, its SHA-256, and what images and classes they are for."""

    role: Role
    path: Path
    sha256: str
    shape: tuple[int, ...]
    classes: int


def find_weights(role: Role, family: str, data: str = "", dataset: str = "DATASET") -> Weights:
    """The weights that ship for a family of data, or else those trained for the data with this digest.

    ``dataset`` is the name by which they could be trained.

    Raises:
        Unavailable: if there are none, or if the file is not the one that its card describes.
    """
    path = find(role, family, data)
    if path is None:
        raise Unavailable(
            f"no {role} ships for data of the family '{family}', only for: {', '.join(families(role))}; train one with "
            f"`condbench judge train {dataset}`, with the run's --data-root if it has one"
        )
    card, digest = read_card(path), sha256(path)
    if digest != card["sha256"]:
        mend = "install condbench again" if path.parent == WEIGHTS else "train them anew with `condbench judge train`"
        raise Unavailable(
            f"the weights {path.name} have the digest {digest[:12]} and not {card['sha256'][:12]} as on their card: "
            f"{mend}"
        )
    return Weights(role, path, digest, tuple(card["shape"]), card["classes"])


def read_card(weights: Path) -> dict[str, Any]:
    """What the card beside a file of weights says.

    Raises:
        Unavailable: if there is none that can be read.
    """
    path = weights.with_suffix(".json")
    try:
        card: dict[str, Any] = json.loads(path.read_text())
        missing = _ON_A_CARD - card.keys()
    except (OSError, ValueError, AttributeError) as error:
        raise Unavailable(f"the card {path.name} of the weights cannot be read ({error})") from error
    if missing:
        raise Unavailable(f"the card {path.name} of the weights lacks {', '.join(sorted(missing))}")
    return card


def load(weights: Weights) -> Classifier:
    """The frozen network, in evaluation mode, channels-last, on the CPU."""
    network = ARCHITECTURES[weights.role](weights.shape[0], weights.classes)
    network.load_state_dict(load_file(weights.path))
    network.requires_grad_(False)
    return network.eval().to(memory_format=torch.channels_last)


def as_input(images: Tensor) -> Tensor:
    """Stored images uint8 (B, C, H, W) as a classifier takes them: float in [-1, 1], channels-last."""
    x = to_model_range(images, Domain("image", tuple(images.shape[1:])))
    return x.contiguous(memory_format=torch.channels_last)
