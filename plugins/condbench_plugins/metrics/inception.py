"""FID on Inception's features, by torch-fidelity: the number that papers on natural images report.

On digits its rank of models means little, and each image costs a thousand times what the shipped extractor does, so it
is measured only where a suite names it. 2,048 features need more than 2,048 samples.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError
from urllib.error import URLError

import torch
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from condbench.cache import OFFLINE, offline
from condbench.evaluation import Evaluation, Measurement, Unavailable
from condbench_plugins.metrics.assets import sha256
from condbench_plugins.metrics.features import FeatureSpace
from condbench_plugins.metrics.fid import distance, real_statistics, sample_statistics
from condbench_plugins.metrics.inception_weights import PUBLISHED_DIGEST, VARIABLE, downloaded_file, given_file
from condbench_plugins.metrics.networks import image_domain

_NAME, _LAYER = "inception-v3-compat", "2048"
_BATCH = 32  # every image becomes one of 299 x 299


def measure(evaluation: Evaluation) -> Measurement:
    """The distance of the samples from the train split. No interval, as `fid` has none.

    Raises:
        Unavailable: if there are no weights, the images are neither grey nor in colour, too few, or their features
            degenerate.
    """
    channels = image_domain(evaluation).shape[0]
    if channels not in (1, 3):
        raise Unavailable(f"Inception looks at images of 1 or 3 channels; the task's have {channels}")
    least = int(_LAYER) + 1
    if len(evaluation.samples) < least:  # before an hour of forward passes, not after it
        raise Unavailable(
            f"a covariance of {_LAYER} features needs more than {_LAYER} images, got {len(evaluation.samples)}: "
            "draw more, e.g. samples = 5000"
        )
    space = _inception(evaluation)
    value = distance(sample_statistics(evaluation, space), real_statistics(evaluation, space, "train"))
    published = space.digest.startswith(PUBLISHED_DIGEST)
    note = "" if published else "not by the published weights, so not to be compared with papers'"
    return Measurement(value, n=len(evaluation.samples), note=note)


def _inception(evaluation: Evaluation) -> FeatureSpace:
    """The network on the evaluation's device."""

    def create() -> FeatureSpace:
        network, digest = _load(FeatureExtractorInceptionV3)
        network.to(evaluation.device)
        return FeatureSpace("inception", digest, lambda images: network(images.expand(-1, 3, -1, -1))[0], batch=_BATCH)

    return evaluation.shared("condbench/inception-features", create)


def _load(make: Callable[..., torch.nn.Module]) -> tuple[torch.nn.Module, str]:
    """torch-fidelity's Inception, which ``make`` builds as its class does, and the SHA-256 of its weights.

    Raises:
        Unavailable: if there are no weights, or not those that they should be.
    """
    path = given_file() or downloaded_file()
    if path.is_file():
        _check(path)
        try:
            # Not by `create_feature_extractor`, which passes misspelt names on in silence and moves it to a GPU.
            network = make(_NAME, [_LAYER], feature_extractor_weights_path=str(path))
        except RuntimeError as error:
            raise Unavailable(f"{path} does not fit torch-fidelity's Inception: {_line(error)}") from None
    elif given_file() is not None:
        raise Unavailable(f"{VARIABLE} names {path}, which is no file")
    elif offline():
        raise Unavailable(f"the weights of Inception are not here, and {OFFLINE} is set: unset it, or set {VARIABLE}")
    else:
        try:
            network = make(_NAME, [_LAYER], verbose=False)
        except (OSError, URLError) as error:
            raise Unavailable(
                f"the weights of Inception are not here and could not be downloaded ({_line(error)}): set {VARIABLE} "
                f"to a file of them, e.g. {VARIABLE}=/data/{downloaded_file().name}"
            ) from None
        _check(path)
    return network.eval(), sha256(path)


def _check(path: Path) -> None:
    """Refuse a file that is no tensors, or not the one that its name says."""
    if given_file() is None and not sha256(path).startswith(PUBLISHED_DIGEST):
        raise Unavailable(f"the weights {path} have another digest than published: remove the file, and try again")
    try:
        # torch-fidelity unpickles whatever the file holds; this lets tensors through only.
        torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, OSError) as error:
        raise Unavailable(f"{path} holds no weights: {_line(error)}") from None


def _line(error: Exception) -> str:
    """What went wrong, short enough for a row."""
    return " ".join(str(error).split())[:120]
