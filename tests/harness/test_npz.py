"""Files of samples: what is written is read back, and nothing else gets through without a sentence that helps."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from condbench.data import Dataset, Split
from condbench.errors import UserError
from condbench.npz import read_npz, write_npz
from condbench.specs import Domain, Task

CLASSES = 5
SHARED_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)


def dataset(channels: int = 1, height: int = 4, width: int = 6) -> Dataset:
    shape = (channels, height, width)
    split = Split(np.zeros((4, *shape), np.uint8), (np.arange(4),))
    return Dataset("toy", "toy", Task(Domain("image", shape), (Domain("class", (), CLASSES),)), split, split)


def refused(path: Path, to: Dataset | None = None) -> str:
    """The sentence that a file gets; it must be a single one, with what to do after a colon."""
    with pytest.raises(UserError) as refusal:
        read_npz(path, to or dataset())
    sentence = str(refusal.value)
    assert "\n" not in sentence and sentence.endswith(".") and ": " in sentence and len(sentence) < 400
    return sentence


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "x.npz"


@SHARED_FOLDER
@given(channels=st.sampled_from([1, 3]), n=st.integers(1, 5), labelled=st.booleans(), data=st.data())
def test_what_is_written_is_read_back(file: Path, channels: int, n: int, labelled: bool, data: st.DataObject) -> None:
    to = dataset(channels)
    images = data.draw(arrays.arrays(np.uint8, (n, channels, 4, 6)).filter(lambda x: x.max() != 1))
    labels = data.draw(arrays.arrays(np.int64, n, elements=st.integers(0, CLASSES - 1))) if labelled else None
    file.write_bytes(write_npz(images, labels))
    read, read_labels = read_npz(file, to)
    np.testing.assert_array_equal(read, images)
    assert read.dtype == np.uint8 and (read_labels is None) == (labels is None)
    if read_labels is not None:
        np.testing.assert_array_equal(read_labels, labels)


def test_one_channel_may_be_left_out(file: Path) -> None:
    images = np.arange(48, dtype=np.uint8).reshape(2, 4, 6)
    np.savez(file, images=images, labels=np.array([4, 0], np.uint8))
    read, labels = read_npz(file, dataset())
    np.testing.assert_array_equal(read, images[:, None])
    assert labels is not None and labels.tolist() == [4, 0] and labels.dtype == np.int64


def test_channels_are_not_rows(file: Path) -> None:
    """A picture of one red pixel in the second row and the third column."""
    images = np.zeros((1, 4, 6, 3), np.uint8)
    images[0, 1, 2, 0] = 255
    np.savez(file, images=images)
    read, _ = read_npz(file, dataset(3))
    assert read[0, 0, 1, 2] == 255 and read.sum() == 255


@SHARED_FOLDER
@given(content=st.binary(max_size=200))
def test_any_bytes_get_a_sentence(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert "cannot be read as an npz" in refused(file)


@SHARED_FOLDER
@given(data=st.data())
def test_a_damaged_file_is_refused_or_reads_as_it_was(file: Path, data: st.DataObject) -> None:
    images = np.arange(2 * 24, dtype=np.uint8).reshape(2, 1, 4, 6)
    content = bytearray(write_npz(images, np.array([1, 2])))
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[at] ^= data.draw(st.integers(1, 255))
    else:
        del content[at:]
    file.write_bytes(content)
    try:
        read, labels = read_npz(file, dataset())
    except UserError:
        return
    np.testing.assert_array_equal(read, images)
    assert labels is None or labels.tolist() == [1, 2]


def npy(header: str) -> bytes:
    """The start of an array file that promises what ``header`` says."""
    line = (header + "\n").encode()
    return b"\x93NUMPY\x01\x00" + len(line).to_bytes(2, "little") + line


@pytest.mark.parametrize(
    "content",
    [
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000, 4, 6)}"),
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 4, 6)}"),
        npy("__import__('os').abort()"),
        npy("{"),
        b"plain text",
    ],
)
def test_an_array_that_promises_nonsense(file: Path, content: bytes) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("images.npy", content)
    refused(file)


def test_pickles_are_not_opened(file: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    for images in (np.array([Trap()], dtype=object), [Trap()]):
        np.savez(file, images=np.array(images, dtype=object))
        assert "pickled objects" in refused(file)
    import pickle

    file.write_bytes(pickle.dumps(Trap()))
    assert "pickled objects" in refused(file)
    assert not (tmp_path / "sprung").exists()


def test_what_is_no_npz(file: Path, tmp_path: Path) -> None:
    assert "there is no file" in refused(file)
    assert "there is no file" in refused(tmp_path)
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((2, 4, 6), np.uint8))
    file.write_bytes(buffer.getvalue())
    assert "holds a single array" in refused(file)
    np.savez(file, x=np.zeros(3), y=np.zeros(3))
    assert "no array 'images' but x, y" in refused(file)
    np.savez(file)
    assert "none at all" in refused(file)


GOOD = np.arange(48, dtype=np.uint8).reshape(2, 4, 6, 1)
FRACTIONS = (GOOD / 255).astype(np.float32)


@pytest.mark.parametrize(
    "images",
    [
        pytest.param(FRACTIONS, id="floats in [0, 1]"),
        pytest.param((GOOD / 127.5 - 1).astype(np.float16), id="floats in [-1, 1]"),
        pytest.param(GOOD.astype(np.float64), id="floats in [0, 255]"),
        pytest.param(GOOD.astype(np.int64), id="other whole numbers"),
        pytest.param(GOOD.transpose(0, 3, 1, 2), id="channels first"),
        pytest.param(GOOD.reshape(2, -1), id="rows"),
        pytest.param(GOOD[0], id="one image"),
    ],
)
def test_the_advice_leads_to_what_was_meant(file: Path, images: np.ndarray) -> None:
    """The expression that the sentence ends with is evaluated, step by step, until the file is read."""
    np.savez(file, images=images, labels=np.array([1, 2])[: len(images) if images.shape != (4, 6, 1) else 1])
    sentence = refused(file)
    expression = re.search(r"(?:with|array) (.*)\.$", sentence)
    assert expression is not None, sentence
    mended = eval(expression[1], {"images": images, "np": np})
    np.savez(file, images=mended)
    read, _ = read_npz(file, dataset())
    np.testing.assert_allclose(read, GOOD.transpose(0, 3, 1, 2)[: len(read)], atol=1)


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (FRACTIONS * np.nan, "48 of their 48 numbers are not finite"),
        (np.where(GOOD == 3, np.inf, FRACTIONS), "1 of their 48 numbers are not finite"),
        (GOOD.repeat(2, 1), r"shape \(2, 8, 6, 1\), and toy has \(N, 4, 6, 1\) or \(N, 4, 6\): resize"),
        (GOOD.repeat(3, 3), r"shape \(2, 4, 6, 3\)"),
        (GOOD[:0], "none at all"),
        (GOOD[:, :0], "shape"),
        (np.array("text"), "<U4, and must be uint8"),
        (GOOD > 3, r"images.astype\(np.uint8\) \* 255"),
        (np.uint8(7), "shape"),
        (FRACTIONS.clip(0, 1).round().astype(np.uint8) + (GOOD == 9), "hold only 0 and 1"),
    ],
)
def test_images_that_are_none_of_the_datas(file: Path, images: np.ndarray, says: str) -> None:
    np.savez(file, images=images)
    assert re.search(says, refused(file))


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (np.array([1, 5]), "from 1 to 5, and the classes of toy from 0 to 4"),
        (np.array([-1, 0]), "from -1 to 0"),
        (np.array([1, 2**64 - 1], np.uint64), "18446744073709551615"),
        (np.array([1, 2, 3]), "are 3, and there are 2 images"),
        (np.array([], np.int64), "are 0, and there are 2 images"),
        (np.array([1.0, np.nan]), "whole numbers"),
        (np.array(["a", "b"]), "whole numbers"),
        (np.array([True, False]), "whole numbers"),
        (np.eye(CLASSES)[:2], r"take labels\.argmax\(1\)"),
        (np.array([[1], [2]]), r"labels\[:, 0\]"),
        (np.array(3), "shape"),
    ],
)
def test_labels_that_are_none(file: Path, labels: np.ndarray, says: str) -> None:
    np.savez(file, images=GOOD, labels=labels)
    assert re.search(says, refused(file))


def test_tasks_that_such_a_file_cannot_be_of(file: Path) -> None:
    np.savez(file, images=GOOD, labels=np.array([1, 2]))
    split = dataset().test
    caption = Dataset("cap", "cap", Task(Domain("image", (1, 4, 6)), (Domain("tokens", (3,), 9),)), split, split)
    assert "is not a class: leave them out" in refused(file, caption)
    text = Dataset("text", "text", Task(Domain("tokens", (3,), 9), (Domain("class", (), 5),)), split, split)
    assert "of the kind 'tokens'" in refused(file, text)
