"""Evaluations of real digits, with the cache in a folder of the tests' own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from condbench.data import Dataset
from condbench.evaluation import Evaluation
from condbench_plugins.datasets import mnist10k


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared by all tests that do not test the cache, as cells share it."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _use_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDBENCH_CACHE", str(cache))


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return mnist10k.load(None)


@pytest.fixture
def evaluation_of(digits: Dataset) -> Callable[..., Evaluation]:
    """Samples, by default with the labels of the test split, to be evaluated against mnist10k or another dataset."""

    def make(
        samples: NDArray[np.generic], labels: NDArray[np.int64] | None = None, dataset: Dataset = digits
    ) -> Evaluation:
        u = dataset.test.u[0][: len(samples)] if labels is None else labels
        return Evaluation(dataset, samples, (u,), torch.device("cpu"))

    return make
