"""Checks of metrics, on real digits that ship with condbench, and on noise."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from condbench.building import settle
from condbench.data import Dataset
from condbench.evaluation import Evaluation, Measurement, Unavailable
from condbench.loading import load
from condbench.registry import Registry, resolve
from condbench.testing.check import check
from condbench.testing.composition import BUILT_IN
from condbench.testing.outcome import NotApplicable, require
from condbench.testing.subject import Subject

_SAMPLES = 256

Images = NDArray[np.generic]


@check("measures real images")
def measures_real_images(subject: Subject) -> None:
    """Of real images with their labels it gives a finite value, how many samples that is of, and an interval around
    it if it gives one; where it cannot be had, it raises Unavailable with the reason. Its samples are left as they
    were."""
    found, samples = _of_real_images(subject)
    require(isinstance(found, Measurement), f"it gives a {type(found).__name__}, not a Measurement")
    require(math.isfinite(found.value), f"its value is {found.value}: raise Unavailable with the reason instead")
    require(found.n > 0, f"its n is {found.n}, which must be the number of samples that it is of")
    low, high = found.low, found.high
    require((low is None) == (high is None), "it gives one end of an interval without the other")
    if low is not None and high is not None:
        require(low <= found.value <= high, f"its interval [{low:.4g}, {high:.4g}] is not around {found.value:.4g}")
    real, _ = _real(subject)
    require(np.array_equal(samples, real), "it changes the samples, which other metrics measure too")


@check("deterministic")
def deterministic(subject: Subject) -> None:
    """The same samples and seed give the same value, to the last bit. Cells are resumed and compared by it; draw at
    random with the evaluation's seed."""
    first, _ = _of_real_images(subject)
    settle(1, 1)  # whatever was drawn before in the process
    again = _measured(subject, *_real(subject))
    require(first.value == again.value, f"measured twice, its value is {first.value!r} and {again.value!r}")


@check("direction")
def direction(subject: Subject) -> None:
    """Real images measure no worse than noise, in the direction that the spec calls better. Tables are coloured,
    sorted and compared by it. A measure of something else than quality is better="neither"."""
    better = subject.entry.spec.better
    if better == "neither":
        raise NotApplicable('it is better="neither"')
    images, u = _real(subject)
    noise = np.random.default_rng(0).integers(0, 256, images.shape, dtype=np.uint8)
    of_images, of_noise = _of_real_images(subject)[0].value, _measured(subject, noise, u).value
    worse = of_images > of_noise if better == "lower" else of_images < of_noise
    require(
        not worse,
        f"real images have {of_images:.4g}, noise has {of_noise:.4g}, and its spec says that {better} is better",
    )


@check("samples without labels")
def samples_without_labels(subject: Subject) -> None:
    """Where nobody knows what the samples were drawn for, it measures all the same or raises Unavailable with the
    reason. `condbench evaluate` takes files of images alone, and a metric that raises anything else looks broken
    there."""
    images, _ = _real(subject)
    try:
        _measured(subject, images, ())
    except NotApplicable:
        return


@cache
def _of_real_images(subject: Subject) -> tuple[Measurement, Images]:
    """What the metric says of real images, asked once since a metric may be dear; and the images as it left them."""
    settle(1, 0)
    images, u = _real(subject)
    return _measured(subject, images, u), images


def _real(subject: Subject) -> tuple[Images, tuple[Images, ...]]:
    """Real images, in an array of their own, and their labels."""
    test = _digits(subject.registry).test
    return test.x[:_SAMPLES].copy(), (test.u[0][:_SAMPLES],)


def _measured(subject: Subject, samples: Images, u: tuple[Images, ...]) -> Measurement:
    """What the metric says; where it is unavailable there is nothing to check."""
    evaluation = Evaluation(_digits(subject.registry), samples, u, torch.device("cpu"))
    try:
        found: Measurement = resolve(subject.entry.spec.target)(evaluation)
    except Unavailable as reason:
        require(bool(str(reason)), "it raises Unavailable without a reason")
        raise NotApplicable(f"unavailable: {reason}") from None
    return found


@cache
def _digits(registry: Registry) -> Dataset:
    spec = registry.datasets.get(f"{BUILT_IN}:mnist10k").spec
    return load(spec, None, resolve(spec.fingerprint)(None))
