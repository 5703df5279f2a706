"""Metrics on features against torch-fidelity's `calculate_metrics`, and against published definitions written out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch_fidelity
from torch import Tensor
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

from condbench.data import Dataset
from condbench.evaluation import Evaluation
from condbench_plugins.metrics import fid, kid, prdc
from condbench_plugins.metrics.classifiers import find_weights
from condbench_plugins.metrics.feature_extractor import register
from condbench_plugins.metrics.neighbours import SMALL, Pairs, compare
from tests.made_images import blurred

MakeEvaluation = Callable[..., Evaluation]


def features(seed: int, n: int, m: int) -> tuple[Tensor, Tensor]:
    """Non-negative, as the extractor's are, and of distributions that overlap in part."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(12, 24, generator=generator)
    samples = torch.randn(n, 12, generator=generator) @ mixing + 0.7
    real = (0.5 + torch.rand(m, 1, generator=generator)) * torch.randn(m, 12, generator=generator) @ mixing
    return samples.relu(), real.relu()


def estimate(found: Pairs) -> float:
    return kid.estimate(found.samples, found.real, found.samples_cross, found.real_cross)[0]


def test_calculate_metrics_on_the_same_images(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    class Images(torch.utils.data.Dataset[Tensor]):
        def __init__(self, images: np.ndarray) -> None:
            self.images = torch.from_numpy(images)

        def __len__(self) -> int:
            return len(self.images)

        def __getitem__(self, index: int) -> Tensor:
            return self.images[index]

    count = 600
    samples = np.concatenate([blurred(digits.test.x[: count // 2]), digits.test.x[count // 2 : count]])
    dataset = replace(digits, train=replace(digits.train, x=digits.train.x[:count]))
    expected = torch_fidelity.calculate_metrics(
        input1=Images(samples),
        input2=Images(dataset.train.x),
        feature_extractor=register(find_weights("extractor", "mnist")),
        fid=True,
        kid=True,
        kid_subsets=1,
        kid_subset_size=count,
        prc=True,
        prc_neighborhood=SMALL,
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
        batch_size=100,
    )
    evaluation = evaluation_of(samples, dataset=dataset)
    assert fid.measure(evaluation).value == pytest.approx(expected["frechet_inception_distance"], rel=1e-6)
    assert kid.measure(evaluation).value == pytest.approx(expected["kernel_inception_distance_mean"], rel=1e-6)
    assert prdc.measure_precision(evaluation).value == pytest.approx(expected["precision"], rel=1e-6)
    assert prdc.measure_recall(evaluation).value == pytest.approx(expected["recall"], rel=1e-6)
    assert 0.5 < expected["precision"] < 1 and 0.2 < expected["recall"] < 1, "neither is trivial"


@pytest.mark.parametrize("seed", range(3))
def test_kid_of_torch_fidelity_on_the_same_features(seed: int) -> None:
    samples, real = features(seed, 700, 700)
    expected = kid_features_to_metric(
        samples.double(), real.double(), kid_subsets=1, kid_subset_size=700, verbose=False
    )[KEY_METRIC_KID_MEAN]
    assert estimate(compare(samples, real)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_precision_and_recall_of_torch_fidelity_on_the_same_features(seed: int) -> None:
    samples, real = features(seed, 900, 500)
    expected = prc_features_to_metric(samples.double(), real.double(), prc_neighborhood=SMALL, verbose=False)
    found = compare(samples, real)
    assert float(found.in_real.double().mean()) == pytest.approx(expected["precision"], rel=1e-6)
    assert float(found.in_samples.double().mean()) == pytest.approx(expected["recall"], rel=1e-6)
    assert 0.05 < expected["precision"] < 0.95 and 0.05 < expected["recall"] < 0.95, "neither is trivial"


@pytest.mark.parametrize("seed", range(3))
def test_density_and_coverage_as_published(seed: int) -> None:
    """Naeem et al. 2020, equations 3 and 4, image by image: k = 5."""
    samples, real = (part.double().numpy() for part in features(seed, 150, 120))
    balls, covered = np.zeros(len(samples)), 0
    for i, centre in enumerate(real):
        others = np.delete(real, i, axis=0)
        radius = np.sort([np.linalg.norm(centre - other) for other in others])[5 - 1]
        within = np.array([np.linalg.norm(sample - centre) <= radius for sample in samples])
        balls += within
        covered += bool(within.any())
    density = balls.sum() / (5 * len(samples))

    found = compare(*features(seed, 150, 120))
    assert float(found.balls.double().mean()) / 5 == pytest.approx(density, rel=1e-9)
    assert float((found.held > 0).double().mean()) == pytest.approx(covered / len(real), rel=1e-9)
    assert 0.1 < covered / len(real) < 1


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, real = features(0, 130, 70)
    whole = compare(samples, real)
    monkeypatch.setattr("condbench_plugins.metrics.neighbours._BLOCK", 700)
    for name, values in vars(compare(samples, real)).items():
        torch.testing.assert_close(values, getattr(whole, name), rtol=1e-5, atol=0)
