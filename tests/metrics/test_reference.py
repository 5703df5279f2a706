"""What is kept of the real data: computed once, shared, and never trusted when damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from condbench_plugins.metrics import reference
from condbench_plugins.metrics.reference import Arrays, cached

CPU = torch.device("cpu")
IMAGES = np.arange(48, dtype=np.uint8).reshape(3, 1, 4, 4)


class Counter:
    calls = 0

    def __call__(self) -> Arrays:
        self.calls += 1
        return {"mu": np.arange(3.0), "sigma": np.eye(3)}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_computed_once(cache: Path) -> None:
    compute = Counter()
    first, second = (cached("k", IMAGES, "w", CPU, compute) for _ in range(2))
    assert compute.calls == 1
    assert first.keys() == second.keys()
    np.testing.assert_array_equal(first["sigma"], second["sigma"])
    assert len(list(cache.rglob("*"))) == 2, "the folder and one file, nothing temporary"


@pytest.mark.parametrize(
    "other",
    [
        ("l", IMAGES, "w", CPU),
        ("k", IMAGES + 1, "w", CPU),
        ("k", IMAGES[:2], "w", CPU),
        ("k", IMAGES.reshape(6, 1, 2, 4), "w", CPU),
        ("k", IMAGES, "v", CPU),
        ("k", IMAGES, "w", torch.device("cuda")),
    ],
)
def test_everything_that_matters_is_in_the_name(other: tuple[str, np.ndarray, str, torch.device]) -> None:
    compute = Counter()
    cached("k", IMAGES, "w", CPU, compute)
    cached(*other, compute)
    assert compute.calls == 2


@pytest.mark.parametrize("what", ["code", "threads"])
def test_so_is_what_computes(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compute = Counter()
    cached("k", IMAGES, "w", CPU, compute)
    if what == "code":
        monkeypatch.setattr(reference, "_code", lambda: "other sources or libraries")
    else:
        monkeypatch.setattr(torch, "get_num_threads", lambda: 99)
    cached("k", IMAGES, "w", CPU, compute)
    assert compute.calls == 2


def empty(file: Path) -> None:
    file.write_bytes(b"")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-30])


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[200] ^= 255
    file.write_bytes(content)


def pickled(file: Path) -> None:
    with file.open("wb") as stream:
        np.savez(stream, mu=np.array([object()], dtype=object))


@pytest.mark.parametrize("damage", [empty, cut, flip, pickled])
def test_a_damaged_file_is_computed_again(damage: Callable[[Path], None], cache: Path) -> None:
    compute = Counter()
    cached("k", IMAGES, "w", CPU, compute)
    damage(next(cache.rglob("*.npz")))
    np.testing.assert_array_equal(cached("k", IMAGES, "w", CPU, compute)["mu"], np.arange(3.0))
    assert compute.calls == 2
    cached("k", IMAGES, "w", CPU, compute)
    assert compute.calls == 2, "and written again"


def test_a_folder_that_cannot_be_written_costs_time_only(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    compute = Counter()
    assert cached("k", IMAGES, "w", CPU, compute).keys() == {"mu", "sigma"}
