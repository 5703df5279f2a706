"""FID against the test split, its bias, on a random network, and label by label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from condbench.data import Dataset, Split
from condbench.evaluation import Evaluation, Unavailable
from condbench.specs import Domain
from condbench_plugins.metrics import fid, fid_random, fid_test, intra_fid, random_network, random_network_digest

MakeEvaluation = Callable[..., Evaluation]


@settings(max_examples=50)
@given(st.lists(st.integers(0, 3), max_size=40), st.lists(st.integers(0, 3), max_size=200))
def test_both_sides_have_as_many_images_of_each_label(test: list[int], train: list[int]) -> None:
    test_labels, train_labels = np.array(test, np.int64), np.array(train, np.int64)
    rows, draws = fid_test.alike(test_labels, train_labels)
    for draw in draws:
        assert sorted(train_labels[draw]) == sorted(test_labels[rows])
    together = np.concatenate(draws)
    assert len(set(together)) == len(together), "disjoint"
    for label in range(4):
        assert (test_labels[rows] == label).sum() == min(test.count(label), train.count(label))


def test_train_images_are_nearer_to_train_images(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    """A model that gives back a part of its train split, and one that gives unseen images, by the same measure."""
    seen = evaluation_of(digits.train.x[:3000], digits.train.u[0][:3000])
    measured = fid_test.measure(seen)
    assert measured.table is not None
    (against_test,), *against_train = measured.table.values
    assert against_test == measured.value
    assert len(against_train) == 4
    assert measured.value > max(value for (value,) in against_train if value is not None)
    assert measured.table.title.startswith("FID against 1,996 real images")
    # Half of the test split, as if it were samples, against the other half and against train images.
    halves = Split(digits.test.x[1::2], (digits.test.u[0][1::2],))
    unseen = fid_test.measure(evaluation_of(digits.test.x[::2], dataset=replace(digits, test=halves)))
    assert unseen.table is not None
    others = [value for (value,) in unseen.table.values[1:] if value is not None]
    assert unseen.value == pytest.approx(np.mean(others), rel=0.15)


def test_bias_is_what_so_many_draws_of_a_gaussian_score() -> None:
    """Drawn one by one and by their statistics; and it falls with the number of draws."""
    rng = np.random.default_rng(0)
    root = rng.normal(size=(6, 6))
    own = {"mu": rng.normal(size=6), "sigma": root @ root.T}
    plain, quick = (
        [
            fid.distance(fid.statistics(torch.from_numpy(rng.normal(size=(n, 6)) @ root.T + own["mu"])), own)
            for _ in range(300)
        ]
        if one_by_one
        else [fid.distance(fid._drawn(own, n, rng), own) for _ in range(300)]
        for n, one_by_one in ((40, True), (40, False))
    )
    assert np.mean(quick) == pytest.approx(np.mean(plain), rel=0.1)
    assert np.std(quick) == pytest.approx(np.std(plain), rel=0.25)
    many = [fid.distance(fid._drawn(own, 4000, rng), own) for _ in range(100)]
    assert np.mean(many) == pytest.approx(np.mean(quick) / 100, rel=0.25)


def test_bias_of_samples(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    few, many = (fid.measure_bias(evaluation_of(digits.train.x[:n])) for n in (500, 4000))
    assert few.low is not None and few.high is not None and few.low < few.value < few.high
    assert few.value == pytest.approx(8 * many.value, rel=0.3)
    assert fid.measure_bias(evaluation_of(digits.train.x[:500])) == few, "seeded"


def test_the_random_network_is_the_one_that_provenance_names() -> None:
    assert random_network.digest(random_network.draw_weights()) == random_network_digest.DIGEST


def test_other_weights_are_refused(
    digits: Dataset, evaluation_of: MakeEvaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random_network, "_SEED", 1)
    with pytest.raises(Unavailable, match="digest"):
        fid_random.measure(evaluation_of(digits.test.x[:300]))


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 17, 40)])
def test_the_random_network_takes_grey_and_colour_of_any_size(shape: tuple[int, ...], digits: Dataset) -> None:
    rng = np.random.default_rng(0)
    real, near, far = (
        rng.integers(low, high, (400, *shape), np.uint8) for low, high in ((0, 200), (0, 205), (100, 256))
    )
    task = replace(digits.task, target=Domain("image", shape))
    dataset = Dataset("made", "made", task, Split(real, (np.arange(400) % 10,)), Split(real, (np.arange(400) % 10,)))
    evaluations = [Evaluation(dataset, x, (np.arange(400) % 10,), torch.device("cpu")) for x in (real, near, far)]
    same, close, apart = (fid_random.measure(evaluation).value for evaluation in evaluations)
    assert same == pytest.approx(0, abs=1e-4)
    assert same < close < apart


def test_the_random_network_says_what_it_cannot_see(digits: Dataset) -> None:
    task = replace(digits.task, target=Domain("image", (2, 8, 8)))
    evaluation = Evaluation(replace(digits, task=task), np.zeros((300, 2, 8, 8), np.uint8), (), torch.device("cpu"))
    with pytest.raises(Unavailable, match="1 or 3 channels; the task's have 2"):
        fid_random.measure(evaluation)


def test_intra_fid_is_the_mean_of_each_labels_own(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    evaluation = evaluation_of(digits.test.x)
    measured, worst = intra_fid.measure(evaluation), intra_fid.measure_worst(evaluation)
    assert measured.table is not None
    three, train = digits.test.u[0] == 3, digits.train.u[0] == 3
    alone = replace(digits, train=Split(digits.train.x[train], (digits.train.u[0][train],)))
    expected = fid.measure(evaluation_of(digits.test.x[three], dataset=alone)).value
    values = dict(zip(measured.table.rows, measured.table.values, strict=True))
    assert values["3"][0] == pytest.approx(expected, rel=1e-4)
    assert values["3"][1] == three.sum()
    assert measured.value == pytest.approx(np.mean([line[0] for line in values.values()]))
    assert worst.value == max(line[0] or 0 for line in values.values())
    assert values[worst.note.removeprefix("label: ")] == (worst.value, worst.n)


def test_intra_fid_sees_wrong_labels_where_fid_does_not(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    right, wrong = evaluation_of(digits.test.x), evaluation_of(digits.test.x, (digits.test.u[0] + 1) % 10)
    assert fid.measure(right).value == fid.measure(wrong).value
    assert intra_fid.measure(wrong).value > 20 * intra_fid.measure(right).value


def test_intra_fid_says_how_many_samples_it_needs(digits: Dataset, evaluation_of: MakeEvaluation) -> None:
    with pytest.raises(Unavailable, match=r"10 of 10 labels have too few samples, .* at least 129 of each label"):
        intra_fid.measure(evaluation_of(digits.test.x[:500]))
    with pytest.raises(Unavailable, match="labels must be from 0 to 9; these go from 1 to 10"):
        intra_fid.measure(evaluation_of(digits.test.x, digits.test.u[0] + 1))
    with pytest.raises(Unavailable, match="1996 samples with 5 labels"):
        intra_fid.measure(evaluation_of(digits.test.x, digits.test.u[0][:5]))
    same = np.repeat(digits.test.x[:10], 200, axis=0)
    with pytest.raises(Unavailable, match=r"label '.': all .* images have the same features"):
        intra_fid.measure(evaluation_of(same, np.repeat(np.arange(10), 200)))
