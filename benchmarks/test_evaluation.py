"""What measuring 10,000 samples costs beyond the networks' own passes; FID at 2,048 dimensions beside torch-fidelity's.

pytest benchmarks/test_evaluation.py

The two bounds are those that the metrics were built to: all default metrics within 1.5 times the bare passes, and a
distance that is not slower than torch-fidelity's. Timings on a machine that does something else as well mean nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from condbench.evaluation import Evaluation
from condbench.measuring import measure
from condbench.registry import installed
from condbench_plugins.datasets import mnist10k
from condbench_plugins.metrics import fid
from condbench_plugins.metrics.classifiers import as_input, find_weights, load
from condbench_plugins.metrics.networks import run
from condbench_plugins.metrics.random_network import random_features

ROUNDS = 3


@pytest.fixture
def evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Evaluation]:
    """All 10,000 digits as samples, every time with nothing computed of them yet."""
    monkeypatch.setenv("CONDBENCH_CACHE", str(tmp_path))
    digits = mnist10k.load(None)
    samples = np.concatenate([digits.train.x, digits.test.x])
    labels = np.concatenate([digits.train.u[0], digits.test.u[0]])
    return lambda: Evaluation(digits, samples, (labels,), torch.device("cpu"))


def seconds(call: Callable[[], object]) -> float:
    """The least of a few calls after one that warms up."""
    call()
    took = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    return min(took)


def test_all_default_metrics_take_at_most_half_as_long_again_as_the_networks(
    evaluation: Callable[[], Evaluation],
) -> None:
    """The networks are the extractor, the judge and the random one; real images were looked at by an earlier cell."""
    registry = installed()
    metrics = [
        entry for entry in registry.metrics if entry.spec.by_default and entry.plugin.distribution == "condbench"
    ]
    samples = evaluation().samples
    extractor, judge = (load(find_weights(role, "mnist")) for role in ("extractor", "judge"))
    random = random_features(evaluation())

    def bare() -> None:
        for network in (lambda x: extractor.features(as_input(x)), lambda x: judge(as_input(x)), random.network):
            run(network, samples, torch.device("cpu"), random.batch)

    rows = measure(evaluation(), metrics)
    assert [row.name for row in rows if row.value is None] == ["bits_per_dimension"], "which needs a model"
    passes, all_of_it = seconds(bare), seconds(lambda: measure(evaluation(), metrics))
    print(f"{all_of_it:.2f} s, of which bare passes are {passes:.2f} s")
    assert all_of_it <= 1.5 * passes


def test_fid_at_2048_dimensions_is_not_slower_than_torch_fidelitys() -> None:
    """Statistics of 5,000 features on either side, and their distance; a tenth is what timings differ by."""
    one, other = (torch.randn(5000, 2048, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))

    def ours() -> float:
        return fid.distance(fid.statistics(one), fid.statistics(other))

    def theirs() -> float:
        both = (fid_features_to_statistics(features) for features in (one, other))
        return float(fid_statistics_to_metric(*both, verbose=False)["frechet_inception_distance"])

    assert ours() == pytest.approx(theirs(), rel=1e-3), "in float64 and in float32"
    assert seconds(ours) <= 1.1 * seconds(theirs)
