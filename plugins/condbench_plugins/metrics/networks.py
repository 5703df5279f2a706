"""What every metric with a network does first: check the samples, then run them through it in batches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condbench.evaluation import Evaluation, Unavailable
from condbench.specs import Domain
from condbench_plugins.metrics.assets import Role
from condbench_plugins.metrics.classifiers import Weights, find_weights

_BATCH = 500  # large enough to be fast, small enough for any memory


def weights_for(evaluation: Evaluation, role: Role) -> Weights:
    """The shipped weights that suit the evaluation's dataset.

    Raises:
        Unavailable: if there are none, or if the samples are not stored as the dataset's images are.
    """
    target = image_domain(evaluation)
    weights = find_weights(role, evaluation.dataset.family)
    if weights.shape != target.shape:
        raise Unavailable(f"the {role} was trained on images {weights.shape}; the task's are {target.shape}")
    return weights


def image_domain(evaluation: Evaluation) -> Domain:
    """The domain of the task's images, which the samples must belong to.

    Raises:
        Unavailable: if x is no image, or if the samples are not stored as the dataset's images are.
    """
    target, samples = evaluation.dataset.task.target, evaluation.samples
    if target.kind != "image":
        raise Unavailable(f"this metric looks at images, and the task's x is of the kind '{target.kind}'")
    if samples.dtype != np.uint8 or samples.shape[1:] != target.shape:
        raise Unavailable(
            f"samples must be uint8 of shape (N, {', '.join(map(str, target.shape))}); "
            f"these are {samples.dtype} of shape {samples.shape}"
        )
    return target


@torch.inference_mode()
def run(function: Callable[[Tensor], Tensor], images: NDArray[np.generic], device: torch.device) -> Tensor:
    """``function`` of stored images uint8 (N, C, H, W), a batch at a time on ``device``: (N, ...) on the CPU."""
    batches = torch.split(torch.from_numpy(images), _BATCH)
    return torch.cat([function(batch.to(device)).cpu() for batch in batches])
