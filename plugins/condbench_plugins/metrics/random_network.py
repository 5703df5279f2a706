"""A fixed random network: features that no data and no labels have shaped.

Features of untrained convolutions tell distributions apart, and share no blind spot with a network that was trained to
classify (Naeem et al. 2020, arXiv:2002.09797, section 3.3, use them where a trained network's do not fit the data).
Grey and colour images of any size.
"""

from __future__ import annotations

import hashlib
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from condbench.evaluation import Evaluation, Unavailable
from condbench_plugins.metrics.classifiers import as_input
from condbench_plugins.metrics.features import FeatureSpace
from condbench_plugins.metrics.networks import image_domain
from condbench_plugins.metrics.random_network_digest import DIGEST

_SHAPES = ((32, 3, 5, 5), (64, 32, 3, 3), (32, 64, 3, 3))
_STRIDES = (2, 2, 1)
_SEED = 0


def random_features(evaluation: Evaluation) -> FeatureSpace:
    """The network on the evaluation's device: D = 128, the means of 32 channels over the four quarters of the image.

    Raises:
        Unavailable: if the samples are not the task's images, those are neither grey nor in colour, or the weights are
            drawn differently here than elsewhere.
    """
    channels, *size = image_domain(evaluation).shape
    if channels not in (1, 3):
        raise Unavailable(f"the random network looks at images of 1 or 3 channels; the task's have {channels}")

    def create() -> FeatureSpace:
        weights = draw_weights()
        if (found := digest(weights)) != DIGEST:
            raise Unavailable(f"the random network's weights have the digest {found[:12]} here and not {DIGEST[:12]}")
        network = partial(features, [weight.to(evaluation.device) for weight in weights])
        # As many numbers at once as 500 images of 28 x 28 have.
        return FeatureSpace("random", DIGEST, network, batch=max(1, 500 * 28 * 28 // (size[0] * size[1])))

    return evaluation.shared("condbench/random-features", create)


def draw_weights() -> list[Tensor]:
    """The kernels (out, in, H, W), normal with variance 2 / fan-in (He et al. 2015, arXiv:1502.01852).

    numpy's legacy generator is frozen: it draws the same numbers in every version.
    """
    rng = np.random.RandomState(_SEED)
    return [
        torch.from_numpy((rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))).astype(np.float32))
        for shape in _SHAPES
    ]


def digest(weights: list[Tensor]) -> str:
    """SHA-256 over all weights, in hex."""
    return hashlib.sha256(b"".join(weight.numpy().tobytes() for weight in weights)).hexdigest()


def features(weights: list[Tensor], images: Tensor) -> Tensor:
    """Stored images uint8 (B, 1 or 3, H, W) -> (B, 128); grey is colour whose channels are equal."""
    h = as_input(images).expand(-1, 3, -1, -1)
    for weight, stride in zip(weights, _STRIDES, strict=True):
        h = F.relu(F.conv2d(h, weight, stride=stride, padding=weight.shape[-1] // 2))
    return F.adaptive_avg_pool2d(h, 2).flatten(1)
