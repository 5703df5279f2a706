"""What no metric on features makes a number of: too few or other images, features that are constant or not finite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from condbench.data import Dataset
from condbench.evaluation import Evaluation, Unavailable
from condbench.registry import resolve
from condbench.specs import Domain
from condbench_plugins.metrics import features
from condbench_plugins.register import condbench_register_metrics

MakeEvaluation = Callable[..., Evaluation]

METRICS = [
    "fid", "fid_test", "fid_bias", "fid_random", "kid", "intra_fid", "intra_fid_worst", "precision", "recall",
    "density", "coverage", "memorisation", "diversity",
]  # fmt: skip


def reason(name: str, evaluation: Evaluation) -> str:
    target = next(spec.target for spec in condbench_register_metrics() if spec.name == name)
    with pytest.raises(Unavailable) as caught:
        resolve(target)(evaluation)
    return str(caught.value)


@pytest.mark.parametrize("name", METRICS)
def test_bad_samples_have_a_reason(name: str, digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    none = digits.test.x[:0]
    assert "got 0" in reason(name, evaluation_of(none)) or "too few" in reason(name, evaluation_of(none))
    alike = np.repeat(digits.test.x[:1], len(digits.test), axis=0)
    assert "have the same features" in reason(name, evaluation_of(alike))
    assert "must be uint8 of shape" in reason(name, evaluation_of(digits.test.x.astype(np.float32)))
    assert "must be uint8 of shape" in reason(name, evaluation_of(np.zeros((300, 3, 32, 32), np.uint8)))
    words = replace(digits, task=replace(digits.task, target=Domain("tokens", (16,), 50)))
    assert "of the kind 'tokens'" in reason(name, evaluation_of(digits.test.x, dataset=words))


@pytest.mark.parametrize("name", METRICS)
def test_features_that_are_not_finite(name: str, digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    made = torch.randn(len(digits.test), 128, generator=torch.Generator().manual_seed(0))
    made[7, 3] = torch.nan
    evaluation = evaluation_of(digits.test.x)
    for space in ("shipped", "random"):
        evaluation.shared(f"condbench/features/{space}/samples", lambda: made)
    assert "the features of 1 of " in reason(name, evaluation)


def test_features_of_a_real_split_are_computed_once_by_all_processes(
    digits: Dataset, evaluation_of: MakeEvaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = evaluation_of(digits.test.x)
    found = features.of_real(first, features.shipped(first), "test")
    monkeypatch.setattr(features, "run", lambda *_: pytest.fail("computed again"))
    another = evaluation_of(digits.test.x)
    assert torch.equal(features.of_real(another, features.shipped(another), "test"), found)
