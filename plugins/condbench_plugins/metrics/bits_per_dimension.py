"""Bits per dimension: how many bits a model needs for a number of a real test image whose condition it is told.

-log2 P(x|u) / D, with P the probability of x's 8-bit intensities and D how many there are, so that families compare
(Theis et al. 2016, arXiv:1511.01844, section 3.1). Where a model gives a bound of P, this is a bound too, and its note
says so. An image of uniform noise takes 8 bits.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import torch
from torch import Tensor

from condbench.batches import conditions, to_model_range
from condbench.data import spread
from condbench.evaluation import Evaluation, Measurement, Unavailable
from condbench.model import Model

_IMAGES = 1000  # an interval of about 2 % on digits, in seconds even where a bound takes many network evaluations
_BATCH = 250


def measure(evaluation: Evaluation) -> Measurement:
    """The mean over test images, each with its own u, and its 95 % interval; the note says what the likelihood is.

    Raises:
        Unavailable: if there is no model or it has no likelihood, x is no image, or a likelihood is not finite.
    """
    model, task = evaluation.model, evaluation.dataset.task
    if model is None:
        raise Unavailable("there are only samples, and no model to ask for the likelihood of real images")
    if not model.likelihood:
        raise Unavailable("this model has neither a likelihood nor a bound of one")
    if task.target.kind != "image":
        raise Unavailable(f"bits per dimension are those of 8-bit images, and x is of the kind '{task.target.kind}'")

    bits = _nats(model, evaluation).double() / (-math.log(2) * math.prod(task.target.shape))
    broken = int((~bits.isfinite()).sum())
    if broken:
        raise Unavailable(f"the likelihood of {broken} of {len(bits)} test images is not finite")
    mean = float(bits.mean())
    margin = NormalDist().inv_cdf(0.975) * float(bits.std()) / math.sqrt(len(bits))
    return Measurement(mean, n=len(bits), low=mean - margin, high=mean + margin, note=f"likelihood: {model.likelihood}")


@torch.inference_mode()
def _nats(model: Model, evaluation: Evaluation) -> Tensor:
    """log P(x|u) of test images, evenly spaced in their split: (N,) on the CPU.

    In full precision, unlike training: a sum over all of an image's numbers also sums what bfloat16 rounds off.
    """
    task, test = evaluation.dataset.task, evaluation.dataset.test
    at = spread(_IMAGES, len(test))
    generator = torch.Generator(evaluation.device).manual_seed(evaluation.seed)
    pieces = []
    for batch in np.split(at, range(_BATCH, len(at), _BATCH)):
        x = to_model_range(torch.from_numpy(test.x[batch]), task.target).to(evaluation.device)
        u = conditions([torch.from_numpy(part[batch]) for part in test.u], task).to(evaluation.device)
        pieces.append(model.log_likelihood(x, u, generator).cpu())
    return torch.cat(pieces)
