"""How long FID takes: features of 10,000 images, statistics, and the distance, at 128 and at 2,048 dimensions.

pytest benchmarks/test_fid.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from condbench.evaluation import Evaluation
from condbench_plugins.datasets import mnist10k
from condbench_plugins.metrics import fid
from condbench_plugins.metrics.features import of_samples, shipped


@pytest.fixture
def evaluation() -> Evaluation:
    """All 10,000 digits as samples."""
    digits = mnist10k.load(None)
    samples = np.concatenate([digits.train.x, digits.test.x])
    return Evaluation(digits, samples, digits.train.u, torch.device("cpu"))


def test_features_of_10000_images(benchmark: BenchmarkFixture, evaluation: Evaluation) -> None:
    def extract() -> torch.Tensor:
        fresh = Evaluation(evaluation.dataset, evaluation.samples, (), evaluation.device)
        return of_samples(fresh, shipped(fresh))

    features = benchmark.pedantic(extract, rounds=5, warmup_rounds=1)
    assert features.shape == (10_000, 128)


@pytest.mark.parametrize("dimensions", [128, 2048])
def test_statistics(benchmark: BenchmarkFixture, dimensions: int) -> None:
    features = torch.randn(10_000, dimensions, dtype=torch.float64)
    benchmark.pedantic(fid.statistics, (features,), rounds=3)


@pytest.mark.parametrize("dimensions", [128, 2048])
def test_distance(benchmark: BenchmarkFixture, dimensions: int) -> None:
    one, other = (fid.statistics(torch.randn(2 * dimensions, dimensions, dtype=torch.float64)) for _ in range(2))
    assert benchmark.pedantic(fid.distance, (one, other), rounds=2) > 0


def test_fid_of_a_cell_with_known_reference(
    benchmark: BenchmarkFixture, evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a cell pays for FID and its floor on 2,000 samples, once another cell has left the reference."""
    monkeypatch.setenv("CONDBENCH_CACHE", str(tmp_path))

    def measure() -> float:
        fresh = Evaluation(evaluation.dataset, evaluation.samples[:2000], (), evaluation.device)
        return fid.measure(fresh).value - fid.measure_floor(fresh).value

    benchmark.pedantic(measure, rounds=5, warmup_rounds=1)
