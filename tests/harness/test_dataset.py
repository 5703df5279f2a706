"""What the harness knows of data before and after they are loaded: their digest, their family, the weights for them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from condbench import matrix, provenance
from condbench.budget import Budget
from condbench.data import Dataset, Split
from condbench.errors import UserError
from condbench.loading import load
from condbench.provenance import differences
from condbench.registry import installed
from condbench.results import PlannedCell
from condbench.specs import DatasetSpec, Domain, Task
from condbench.suite import Suite
from condbench_plugins.metrics.assets import trained_path
from tests.conftest import Condbench
from tests.made_images import write_images

TASK = Task(Domain("image", (1, 4, 4)), (Domain("class", (), 2),))


def birds(root: Path | None) -> Dataset:
    split = Split(np.zeros((4, 1, 4, 4), np.uint8), (np.zeros(4, np.int64),))
    return Dataset("birds", "animals", TASK, split, split)


def spec(family: str) -> DatasetSpec:
    return DatasetSpec("birds", target=f"{__name__}:birds", fingerprint="", summary="", family=family)


def test_a_loaded_dataset_knows_its_digest() -> None:
    assert load(spec("animals"), None, "abc").digest == "abc"


@pytest.mark.parametrize("family", ["", "plants"])
def test_a_dataset_of_another_family_than_its_spec_says(family: str) -> None:
    """The weights in a result's provenance are found by the spec's family, those that are used by the dataset's."""
    with pytest.raises(UserError, match=r"are of the family 'animals' and its DatasetSpec says '(birds|plants)'"):
        load(spec(family), None, "abc")


def plan(root: Path) -> dict[str, PlannedCell]:
    suite = Suite(
        name="own",
        budget=Budget(samples=1),
        datasets=["image-folder", "mnist10k"],
        backbones=["flow"],
        conditioners=["film"],
        metrics=["label_accuracy"],
    )
    provenance._digest.cache_clear()  # it is for one process, in which nothing trains
    return {planned.cell.dataset.name: planned for planned in matrix.plan(suite, installed(), root)}


def test_a_result_depends_on_the_weights_for_its_own_data_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDBENCH_CACHE", str(tmp_path / "cache"))
    root = write_images(tmp_path / "bars", channels=1, size=4, classes=2, train=2, test=2)
    before = plan(root)
    assert before["image-folder"].provenance.assets == {}, "there are no weights for it yet"
    weights = trained_path("judge", before["image-folder"].provenance.data)
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    after = plan(root)
    assert after["mnist10k"] == before["mnist10k"]
    digest = hashlib.sha256(b"weights").hexdigest()
    assert differences(before["image-folder"].provenance, after["image-folder"].provenance) == [
        f"assets.condbench:label_accuracy was absent, is {digest}"
    ]


THIRD_PARTY = """
from condbench import hookimpl
from condbench.specs import MetricSpec

@hookimpl
def condbench_register_metrics():
    yield MetricSpec("wings", target="wings:measure", summary="", unit="", better="higher", trainer="wings:train")

def train(dataset, report):
    report(1.0)
    return f"wings learnt from {len(dataset.train)} images of {dataset.family}, {dataset.digest}"
"""


def test_a_third_partys_network_is_trained_by_the_same_command(condbench: Condbench) -> None:
    condbench.plant("wings", THIRD_PARTY)
    lines = condbench("judge", "train", "mnist10k").splitlines()
    assert [line.split()[:3] for line in lines[:2]] == [["extractor", "ships", "for"], ["judge", "ships", "for"]]
    assert lines[2].startswith("wings learnt from 8004 images of mnist, 502fb5f4463d")
