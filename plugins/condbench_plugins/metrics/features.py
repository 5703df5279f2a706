"""Features of images, which every metric that compares sets of images looks at: computed once, checked, and shared.

A `FeatureSpace` is a frozen network that turns an image into D numbers. Features of the samples are computed once per
evaluation; those of real images are also kept in the cache folder where several metrics need them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_fidelity.utils import create_feature_extractor

from condbench.evaluation import Evaluation, Unavailable
from condbench_plugins.metrics.feature_extractor import LAYER, ShippedExtractor, register
from condbench_plugins.metrics.networks import BATCH, run, weights_for
from condbench_plugins.metrics.reference import cached

SplitName = Literal["train", "test"]


@dataclass(frozen=True)
class FeatureSpace:
    """A frozen network: stored images uint8 (B, C, H, W), on its device, to features (B, D).

    ``digest`` is that of its weights. ``batch`` is how many images it takes at once. ``kept`` says that the features of
    real images themselves, and not only their statistics, are worth a file.
    """

    name: str
    digest: str
    network: Callable[[Tensor], Tensor]
    batch: int = BATCH
    kept: bool = False


def shipped(evaluation: Evaluation) -> FeatureSpace:
    """The extractor for the evaluation's family of data: D = 128.

    Raises:
        Unavailable: if no extractor suits the data, or the samples are not such images.
    """

    def create() -> FeatureSpace:
        weights = weights_for(evaluation, "extractor")
        extractor: ShippedExtractor = create_feature_extractor(register(weights), [LAYER], cuda=False, verbose=False)
        extractor.to(evaluation.device)
        return FeatureSpace("shipped", weights.sha256, lambda images: extractor(images)[0], kept=True)

    return evaluation.shared("condbench/shipped-features", create)


def of_samples(evaluation: Evaluation, space: FeatureSpace) -> Tensor:
    """The samples' features (N, D), float32, on the CPU; computed once per evaluation."""
    return evaluation.shared(
        f"condbench/features/{space.name}/samples", lambda: _extract(space, evaluation.samples, evaluation.device)
    )


def of_real(evaluation: Evaluation, space: FeatureSpace, split: SplitName) -> Tensor:
    """The features (N, D) of a split's images, float32, on the CPU; once per evaluation, and kept if worth it."""
    images = getattr(evaluation.dataset, split).x

    def compute() -> Tensor:
        if not space.kept:
            return _extract(space, images, evaluation.device)
        stored = cached(
            f"features-{space.name}",
            images,
            space.digest,
            evaluation.device,
            lambda: {"features": _extract(space, images, evaluation.device).numpy()},
        )
        return torch.from_numpy(stored["features"])

    return evaluation.shared(f"condbench/features/{space.name}/{split}", compute)


def usable(features: Tensor, least: int, purpose: str) -> Tensor:
    """The features themselves, if they are enough, finite and not all the same.

    Args:
        features: (N, D).
        least: how many images are needed at least.
        purpose: what needs them, for the reason: "a covariance of 128 features".

    Raises:
        Unavailable: with the reason, if not.
    """
    n = len(features)
    if n < least:
        raise Unavailable(f"{purpose} needs more than {least - 1} images, got {n}")
    if broken := int((~features.isfinite()).any(1).sum()):
        raise Unavailable(f"the features of {broken} of {n} images are not finite")
    if bool((features == features[0]).all()):
        raise Unavailable(f"all {n} images have the same features")
    return features


def _extract(space: FeatureSpace, images: NDArray[np.generic], device: torch.device) -> Tensor:
    return run(space.network, images, device, space.batch).float()
