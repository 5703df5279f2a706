"""Bits per dimension: of a model whose likelihood is known, and where there is none."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from condbench.condition import Condition
from condbench.data import Dataset, Split
from condbench.evaluation import Evaluation, Unavailable
from condbench.model import Model
from condbench.specs import Domain
from condbench_plugins.metrics.bits_per_dimension import measure


class Tinted(Model):
    """Every intensity of an image of class k is even noise over 2**(k + 1) values: k + 1 bits."""

    likelihood = "exact"

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))
        self.seen: list[Tensor] = []

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        raise AssertionError("measuring does not train")

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        raise AssertionError("the samples are there already")

    def log_likelihood(self, x: Tensor, u: Condition, generator: torch.Generator) -> Tensor:
        assert torch.is_inference_mode_enabled()
        assert x.amin() >= -1 and x.amax() <= 1
        self.seen.append(x)
        return -(u.parts[0] + 1).float() * math.log(2) * x[0].numel()


def evaluation(dataset: Dataset, model: Model | None) -> Evaluation:
    return Evaluation(dataset, dataset.test.x[:8], (dataset.test.u[0][:8],), torch.device("cpu"), model)


def test_the_mean_over_test_images_with_their_own_conditions(digits: Dataset) -> None:
    images, labels = digits.test.x[:600], np.arange(600) % 2
    measured = measure(evaluation(replace(digits, test=Split(images, (labels,))), Tinted()))
    assert measured.value == pytest.approx(1.5)
    assert measured.n == 600
    assert measured.low is not None and measured.high is not None
    assert measured.high - measured.low == pytest.approx(2 * 1.96 * 0.5 / math.sqrt(600), rel=1e-2)
    assert measured.note == "likelihood: exact"


def test_a_long_split_is_looked_at_from_end_to_end(digits: Dataset) -> None:
    """The first thousand of a sorted split would be of the first classes only."""
    order = np.argsort(digits.test.u[0], kind="stable")
    test = Split(digits.test.x[order], (digits.test.u[0][order],))
    model = Tinted()
    measured = measure(evaluation(replace(digits, test=test), model))
    assert measured.n == 1000
    assert measured.value == pytest.approx(digits.test.u[0].mean() + 1, abs=0.02)
    seen = (torch.cat(model.seen) + 1) * 127.5
    assert torch.equal(seen[-1].round().byte(), torch.from_numpy(test.x[-1]))


def test_where_it_is_not_defined(digits: Dataset) -> None:
    with pytest.raises(Unavailable, match="only samples"):
        measure(evaluation(digits, None))
    silent = Tinted()
    silent.likelihood = ""
    with pytest.raises(Unavailable, match="neither a likelihood nor a bound"):
        measure(evaluation(digits, silent))
    words = replace(digits, task=replace(digits.task, target=Domain("tokens", (8,), 100)))
    with pytest.raises(Unavailable, match="of the kind 'tokens'"):
        measure(evaluation(words, Tinted()))

    class Broken(Tinted):
        def log_likelihood(self, x: Tensor, u: Condition, generator: torch.Generator) -> Tensor:
            return torch.where(u.parts[0] == 3, torch.nan, super().log_likelihood(x, u, generator))

    three = Split(digits.test.x[:10], (np.arange(10),))
    with pytest.raises(Unavailable, match="of 1 of 10 test images is not finite"):
        measure(evaluation(replace(digits, test=three), Broken()))
