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


@check("measures real images")
def measures_real_images(subject: Subject) -> None:
    """Of real images with their labels it gives a finite value, how many samples that is of, and an interval around
    it if it gives one; where it cannot be had, it raises Unavailable with the reason. Its samples are left as they
    were."""
    digits = _digits(subject.registry)
    images, labels = digits.test.x[:_SAMPLES].copy(), digits.test.u[0][:_SAMPLES]
    found = _measured(subject, images, (labels,))
    require(isinstance(found, Measurement), f"it gives a {type(found).__name__}, not a Measurement")
    require(math.isfinite(found.value), f"its value is {found.value}: raise Unavailable with the reason instead")
    require(found.n > 0, f"its n is {found.n}, which must be the number of samples that it is of")
    low, high = found.low, found.high
    require((low is None) == (high is None), "it gives one end of an interval without the other")
    if low is not None and high is not None:
        require(low <= found.value <= high, f"its interval [{low:.4g}, {high:.4g}] is not around {found.value:.4g}")
    require(np.array_equal(images, digits.test.x[:_SAMPLES]), "it changes the samples, which other metrics measure too")


@check("deterministic")
def deterministic(subject: Subject) -> None:
    """The same samples and seed give the same value, to the last bit. Cells are resumed and compared by it; draw at
    random with the evaluation's seed."""
    digits = _digits(subject.registry)
    values = []
    for number in range(2):
        settle(1, number)  # whatever was drawn before in the process
        values.append(_measured(subject, digits.test.x[:_SAMPLES], (digits.test.u[0][:_SAMPLES],)).value)
    require(values[0] == values[1], f"measured twice, its value is {values[0]!r} and {values[1]!r}")


@check("direction")
def direction(subject: Subject) -> None:
    """Real images measure no worse than noise, in the direction that the spec calls better. Tables are coloured,
    sorted and compared by it. A measure of something else than quality is better="neither"."""
    better = subject.entry.spec.better
    if better == "neither":
        raise NotApplicable('it is better="neither"')
    digits = _digits(subject.registry)
    images, u = digits.test.x[:_SAMPLES], (digits.test.u[0][:_SAMPLES],)
    noise = np.random.default_rng(0).integers(0, 256, images.shape, dtype=np.uint8)
    of_images, of_noise = (_measured(subject, x, u).value for x in (images, noise))
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
    images = _digits(subject.registry).test.x[:_SAMPLES]
    try:
        _measured(subject, images, ())
    except NotApplicable:
        return


def _measured(subject: Subject, samples: NDArray[np.generic], u: tuple[NDArray[np.generic], ...]) -> Measurement:
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
