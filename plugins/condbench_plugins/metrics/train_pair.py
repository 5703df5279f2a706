"""An extractor and a judge for any labelled images: what `condbench judge train DATASET` calls.

One recipe for all data, milder than those of the shipped pairs: no image is mirrored or turned far, since that may make
it one of another class. The weights are kept in the cache folder, where the metrics find them by the data's digest.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from condbench.data import Dataset
from condbench.errors import UserError
from condbench.evaluation import Unavailable
from condbench.machine import best_precision
from condbench_plugins.metrics.assets import Role, families, trained_path
from condbench_plugins.metrics.classifiers import find_weights, read_card
from condbench_plugins.metrics.train_classifiers import Recipe, write

Report = Callable[[float], None]

_IMAGES = 120_000  # a minute or so of one core for each network, at 28 x 28
_PASSES = 100  # over a small train split; more would only fit it more closely
_LEAST_SIZE = 4


def train_extractor(dataset: Dataset, report: Report) -> str:
    """See `_provide`."""
    return _provide("extractor", dataset, report)


def train_judge(dataset: Dataset, report: Report) -> str:
    """See `_provide`."""
    return _provide("judge", dataset, report)


def _provide(role: Role, dataset: Dataset, report: Report) -> str:
    """Train a network unless it is there; a line that says what there is.

    Weights that their card does not describe are trained anew, but for those that ship.

    Raises:
        UserError: if the data are no images with labels, or too few or too small, or if weights that ship are damaged.
    """
    _check(dataset)
    ships = dataset.family in families(role)
    try:
        path = find_weights(role, dataset.family, dataset.digest).path
        how = f"ships for '{dataset.family}'" if ships else "is there already"
    except Unavailable as reason:
        if ships:
            raise UserError(f"{reason}.") from reason
        path = trained_path(role, dataset.digest)
        _train(role, dataset, path, report)
        how = f"trained for {dataset.name}"
    card = read_card(path)
    return f"{role} {how}: test accuracy {card['test_accuracy']:.4f} on {card['test_images']} images ({path})"


def _train(role: Role, dataset: Dataset, path: Path, report: Report) -> None:
    """Train a network and put its weights to ``path``, with their card, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as unfinished:
        made = Path(unfinished) / path.name
        write(role, dataset, recipe(role, dataset), made, bf16=best_precision("cpu") == "bf16", report=report)
        # The card first: weights are looked for by their own file, and are refused without a card.
        for suffix in (".json", ".safetensors"):
            made.with_suffix(suffix).replace(path.with_suffix(suffix))


def recipe(role: Role, dataset: Dataset) -> Recipe:
    """How a network of that role is trained on any labelled images."""
    height, count = dataset.task.target.shape[1], len(dataset.train)
    judge = role == "judge"
    return Recipe(
        seed=1 if judge else 0,
        images=min(_IMAGES, _PASSES * count),
        batch_size=min(128, max(8, count // 8)),
        learning_rate=4e-3 if judge else 2e-3,
        weight_decay=2e-2 if judge else 1e-2,
        smoothing=0.1 if judge else 0.0,
        degrees=5,
        scale=0.1,
        shear=0.0,
        shift=height / 14,
        flip=False,
    )


def _check(dataset: Dataset) -> None:
    target, condition = dataset.task.target, dataset.task.condition
    kinds = [part.kind for part in condition]
    if target.kind != "image" or kinds != ["class"]:
        raise UserError(
            f"an extractor and a judge learn from images with one label each; those of {dataset.name} are "
            f"{target.kind} with {' and '.join(kinds) or 'nothing'}: measure them by metrics of your own."
        )
    if min(target.shape[1:]) < _LEAST_SIZE:
        size = " x ".join(map(str, target.shape[1:]))
        raise UserError(
            f"images of {size} are too small to learn from: they need {_LEAST_SIZE} x {_LEAST_SIZE} at least."
        )
    if len(dataset.train) < 2 * condition[0].size:
        raise UserError(
            f"{len(dataset.train)} train images of {condition[0].size} classes are too few to learn from: add some, "
            "e.g. 100 of each class."
        )
