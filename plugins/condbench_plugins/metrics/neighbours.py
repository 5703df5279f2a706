"""All pairs of features, block by block: the one pass that precision, recall, density, coverage and KID are read from.

A block of inner products gives both squared distances and the polynomial kernel, so that the dear part, a matrix
product, is done once for all five. Products are in float32, as the features are; sums of kernels in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condbench.data import spread
from condbench.evaluation import Evaluation
from condbench_plugins.metrics.features import FeatureSpace, of_real, of_samples, shipped, usable
from condbench_plugins.metrics.reference import cached

SMALL, LARGE = 3, 5
"""The k-th nearest neighbours whose distances are radii: of precision and recall, and of density and coverage."""

_BLOCK = 2**20  # numbers in a block: large enough for a product, small enough for a processor's cache
_GROUP = 16  # reference images among which the nearest is found exactly


class Own(NamedTuple):
    """What a set of N features has with itself: squared distances to the `SMALL`-th and `LARGE`-th nearest other one
    (N,), and the sum of the kernel over all others (N,)."""

    small: Tensor
    large: Tensor
    kernel: Tensor


@dataclass(frozen=True)
class Pairs:
    """What N samples and M real images have with each other; a ball is around one image, up to its k-th neighbour.

    ``in_real`` (N,): the sample is in some real image's `SMALL` ball. ``in_samples`` (M,): the real image is in some
    sample's. ``balls`` (N,): how many real images' `LARGE` balls the sample is in. ``held`` (M,): how many samples the
    real image's `LARGE` ball holds. The rest are sums of the kernel in float64: ``samples`` (N,) and ``real`` (M,) over
    the others of the same set, ``samples_cross`` (N,) and ``real_cross`` (M,) over all of the other set.
    """

    in_real: Tensor
    in_samples: Tensor
    balls: Tensor
    held: Tensor
    samples: Tensor
    real: Tensor
    samples_cross: Tensor
    real_cross: Tensor


def pairs(evaluation: Evaluation) -> Pairs:
    """All samples with as many real train images, evenly spaced in their split; computed once per evaluation.

    Raises:
        Unavailable: if no extractor suits the data, or images are too few or their features degenerate.
    """

    def compute() -> Pairs:
        space = shipped(evaluation)
        purpose = f"a neighbourhood of {LARGE} images"
        samples = usable(of_samples(evaluation, space), LARGE + 1, purpose)
        rows = spread(len(samples), len(evaluation.dataset.train))
        real = usable(of_real(evaluation, space, "train")[rows], LARGE + 1, purpose)
        return compare(
            samples.to(evaluation.device), real.to(evaluation.device), _real_own(evaluation, space, real, rows)
        )

    return evaluation.shared("condbench/pairs", compute)


@torch.inference_mode()
def compare(samples: Tensor, real: Tensor, real_own: Own | None = None) -> Pairs:
    """`Pairs` of features (N, D) and (M, D) on one device; results are on the CPU.

    ``real_own`` is `own` of the real features, where that is known already.
    """
    ours, theirs = own(samples), real_own or own(real)
    theirs = Own(*(values.to(real.device) for values in theirs))
    in_real, balls, samples_cross = [], [], []
    beyond = torch.full_like(theirs.small, torch.inf)  # how far outside of the samples' balls, at the nearest
    held = torch.zeros_like(theirs.small, dtype=torch.int32)
    real_cross = torch.zeros_like(theirs.kernel)
    for rows, products in _blocks(samples, real):
        kernel = _kernel(products, samples.shape[1])
        samples_cross.append(kernel.sum(1, dtype=torch.float64))
        real_cross += kernel.sum(0, dtype=torch.float64)
        distances = _squared_distances(products, samples[rows], real)
        in_real.append((distances - theirs.small).amin(1) <= 0)
        within = (distances <= theirs.large).view(torch.uint8)
        balls.append(within.sum(1, dtype=torch.int32))
        held += within.sum(0, dtype=torch.int32)
        beyond = torch.minimum(beyond, (distances - ours.small[rows, None]).amin(0))
    found = (
        torch.cat(in_real), beyond <= 0, torch.cat(balls), held,
        ours.kernel, theirs.kernel, torch.cat(samples_cross), real_cross,
    )  # fmt: skip
    return Pairs(*(values.cpu() for values in found))


@torch.inference_mode()
def own(features: Tensor) -> Own:
    """`Own` of features (N, D), N greater than `LARGE`."""
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    for rows, products in _blocks(features, features):
        kernel = _kernel(products, features.shape[1])
        themselves = torch.arange(rows.start, rows.stop, device=features.device)[:, None]
        kernel.scatter_(1, themselves, 0.0)
        distances = _squared_distances(products, features[rows], features).scatter_(1, themselves, torch.inf)
        radii = distances.topk(LARGE, dim=1, largest=False).values
        found.append((radii[:, SMALL - 1], radii[:, LARGE - 1], kernel.sum(1, dtype=torch.float64)))
    small, large, sums = (torch.cat(parts) for parts in zip(*found, strict=True))
    return Own(small, large, sums)


@torch.inference_mode()
def nearest_distances(queries: Tensor, reference: Tensor) -> NDArray[np.float64]:
    """The Euclidean distance of each query (N, D) to its nearest reference (M, D), both on one device: (N,).

    A product in float32 finds the group of references in which the nearest is, exact differences find it there: the
    distance to an exact copy is exactly 0.
    """
    groups = -(-len(reference) // _GROUP)
    padded = torch.cat([reference, reference[-1:].expand(groups * _GROUP - len(reference), -1)])
    norms = padded.square().sum(1)
    grouped = padded.view(_GROUP, groups, -1)
    found = []
    for some in torch.split(queries, max(1, _BLOCK // len(padded))):
        # The query's own norm is the same for all references: |y|^2 - 2 x.y orders them.
        order = torch.addmm(norms, some, padded.T, alpha=-2)
        group = order.view(len(some), _GROUP, groups).amin(1).argmin(1)
        exact = (grouped[:, group].double() - some.double()).square().sum(2).amin(0)
        found.append(exact.sqrt().cpu())
    distances: NDArray[np.float64] = torch.cat(found).numpy()
    return distances


def _blocks(one: Tensor, other: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Inner products (B, M) of a slice of B of ``one`` (N, D) with all of ``other`` (M, D), slice by slice."""
    size = max(1, _BLOCK // len(other))
    for start in range(0, len(one), size):
        rows = slice(start, min(start + size, len(one)))
        yield rows, one[rows] @ other.T


def _kernel(products: Tensor, dimensions: int) -> Tensor:
    """(x.y / D + 1)^3 (Binkowski et al. 2018, arXiv:1801.01401, equation 4)."""
    return torch.add(1.0, products, alpha=1 / dimensions).pow_(3)


def _squared_distances(products: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """|x - y|^2 from x.y, which it overwrites."""
    return products.mul_(-2).add_(one.square().sum(1, keepdim=True)).add_(other.square().sum(1))


def _real_own(evaluation: Evaluation, space: FeatureSpace, real: Tensor, rows: NDArray[np.int64]) -> Own:
    """`own` of real features, shared between processes."""

    def compute() -> dict[str, NDArray[np.generic]]:
        return {name: values.cpu().numpy() for name, values in own(real.to(evaluation.device))._asdict().items()}

    stored = cached("neighbours", evaluation.dataset.train.x[rows], space.digest, evaluation.device, compute)
    return Own(**{name: torch.from_numpy(stored[name]) for name in Own._fields})
