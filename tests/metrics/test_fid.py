"""FID: the closed form, images whose order is known, what is out of bounds; torch-fidelity's is in test_agreement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from condbench.data import Dataset, Split, spread
from condbench.evaluation import Evaluation, Unavailable
from condbench.specs import Domain
from condbench_plugins.metrics import fid
from condbench_plugins.metrics.features import of_samples, shipped
from tests.made_images import blurred

MakeEvaluation = Callable[..., Evaluation]


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.integers(2, 40))
def test_closed_form_for_gaussians_that_share_their_axes(seed: int, dimensions: int) -> None:
    """|m1 - m2|^2 + sum (s1 - s2)^2, where both covariances have the same eigenvectors."""
    rng = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(rng.normal(size=(dimensions, dimensions)))
    means, scales = rng.normal(size=(2, dimensions)), rng.uniform(0.1, 3, size=(2, dimensions))
    one, other = (
        {"mu": mean, "sigma": axes @ np.diag(scale**2) @ axes.T} for mean, scale in zip(means, scales, strict=True)
    )
    expected = ((means[0] - means[1]) ** 2).sum() + ((scales[0] - scales[1]) ** 2).sum()
    assert fid.distance(one, other) == pytest.approx(expected, rel=1e-6)
    assert fid.distance(one, one) == pytest.approx(0, abs=1e-6)


def test_statistics_of_gaussian_samples_approach_the_closed_form() -> None:
    generator = torch.Generator().manual_seed(0)
    one = torch.randn(50_000, 8, generator=generator, dtype=torch.float64)
    other = 2 * torch.randn(50_000, 8, generator=generator, dtype=torch.float64) + 1
    assert fid.distance(fid.statistics(one), fid.statistics(other)) == pytest.approx(8 * (1 + 1), rel=0.02)


def test_orders_what_a_reader_would(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    real = digits.test.x
    noise = np.random.default_rng(0).integers(0, 256, real.shape, np.uint8)
    one_class = digits.train.x[digits.train.u[0] == 3][: len(real)]
    value = {
        name: fid.measure(evaluation_of(samples)).value
        for name, samples in {
            "train": digits.train.x[: len(real)],
            "real": real,
            "blur": blurred(real),
            "one class": one_class,
            "noise": noise,
        }.items()
    }
    assert value["real"] < 1 < value["blur"] < value["one class"] < value["noise"]


def test_floor_is_the_fid_of_real_test_images(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    noise = np.zeros((500, 1, 28, 28), np.uint8)
    floor = fid.measure_floor(evaluation_of(noise))
    assert floor.n == 500 and not floor.note
    some = digits.test.x[spread(500, len(digits.test))]
    assert floor.value == pytest.approx(fid.measure(evaluation_of(some)).value, rel=1e-9)


def test_the_floor_of_a_sorted_test_split_is_as_good(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    order = np.argsort(digits.test.u[0], kind="stable")
    by_label = replace(digits, test=Split(digits.test.x[order], (digits.test.u[0][order],)))
    noise = np.zeros((500, 1, 28, 28), np.uint8)
    mixed, ordered = (fid.measure_floor(evaluation_of(noise, dataset=data)).value for data in (digits, by_label))
    assert ordered == pytest.approx(mixed, rel=0.3), "of two labels only it would be ten times that"


def test_floor_says_when_the_test_split_is_smaller(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    many = np.zeros((3000, 1, 28, 28), np.uint8)
    floor = fid.measure_floor(evaluation_of(many))
    assert floor.n == len(digits.test)
    assert floor.note == "of all 1,996 test images, which are fewer than the 3,000 samples"


def test_features_vary_by_100_over_the_train_split(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    """The scale that makes an FID a percentage of the data's own variance."""
    evaluation = evaluation_of(digits.train.x)
    features = of_samples(evaluation, shipped(evaluation))
    assert features.shape == (8004, 128)
    assert features.dtype == torch.float32
    assert float(features.var(0).sum()) == pytest.approx(100, rel=1e-3)


@pytest.mark.parametrize(
    "samples, reason",
    [
        (np.zeros((100, 1, 28, 28), np.uint8), "needs more than 128 images, got 100"),
        (np.zeros((0, 1, 28, 28), np.uint8), "needs more than 128 images, got 0"),
        (np.zeros((300, 1, 28, 28), np.uint8), "have the same features"),
        (np.zeros((300, 28, 28), np.uint8), "must be uint8 of shape"),
        (np.zeros((300, 3, 32, 32), np.uint8), "must be uint8 of shape"),
        (np.zeros((300, 1, 28, 28), np.float32), "must be uint8 of shape"),
    ],
)
def test_samples_it_cannot_measure(samples: np.ndarray, reason: str, evaluation_of: MakeEvaluation) -> None:
    with pytest.raises(Unavailable, match=reason):
        fid.measure(evaluation_of(samples))


def test_features_that_are_not_finite() -> None:
    features = torch.randn(300, 8, dtype=torch.float64)
    features[7, 3] = torch.nan
    with pytest.raises(Unavailable, match="not finite"):
        fid.statistics(features)


def test_data_without_an_extractor(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    birds = replace(digits, family="birds")
    text = replace(digits, task=replace(digits.task, target=Domain("tokens", (16,), 50)))
    colour = replace(digits, task=replace(digits.task, target=Domain("image", (3, 28, 28))))
    with pytest.raises(Unavailable, match=r"no extractor ships .* 'birds'.* `condbench judge train mnist10k`"):
        fid.measure(evaluation_of(digits.test.x, dataset=birds))
    with pytest.raises(Unavailable, match="of the kind 'tokens'"):
        fid.measure_floor(evaluation_of(digits.test.x, dataset=text))
    with pytest.raises(Unavailable, match=r"trained on images \(1, 28, 28\)"):
        fid.measure(evaluation_of(np.zeros((300, 3, 28, 28), np.uint8), dataset=colour))
