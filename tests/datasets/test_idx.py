"""IDX files that the tests write, in every layout; downloads from a folder that plays the server; damage."""

from __future__ import annotations

import gzip
import hashlib
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType

import numpy as np
import pytest
import torchvision
from numpy.typing import NDArray

from condbench.errors import UserError
from condbench_plugins.datasets import fashion_mnist, idx, kmnist, mnist

RNG = np.random.default_rng(0)
IMAGES = {"train": RNG.integers(0, 256, (30, 28, 28), np.uint8), "t10k": RNG.integers(0, 256, (20, 28, 28), np.uint8)}
LABELS = {split: np.arange(len(images), dtype=np.uint8) % 10 for split, images in IMAGES.items()}

pytestmark = pytest.mark.usefixtures("offline")


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, an empty cache and no package of the operating system."""
    monkeypatch.setenv("CONDBENCH_CACHE", str(tmp_path / "cache"))
    for name in ("MNIST", "FashionMNIST", "KMNIST"):
        monkeypatch.setattr(getattr(torchvision.datasets, name), "mirrors", ["http://127.0.0.1:9/"])
    monkeypatch.setattr(fashion_mnist, "_SOURCE", replace(fashion_mnist._SOURCE, system=tmp_path / "system"))


def encode(array: NDArray[np.uint8]) -> bytes:
    """An array in the IDX format: magic number, sizes in big endian, bytes."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write(folder: Path, *, compressed: bool = False, labels: dict[str, NDArray[np.uint8]] = LABELS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "t10k"):
        for kind, array in (("images-idx3", IMAGES[split]), ("labels-idx1", labels[split])):
            name, content = f"{split}-{kind}-ubyte", encode(array)
            if compressed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    "module, layout",
    [
        *((mnist, layout) for layout in (".", "mnist", "MNIST/raw")),
        *((fashion_mnist, layout) for layout in (".", "fashion-mnist", "FashionMNIST/raw")),
        *((kmnist, layout) for layout in (".", "kmnist", "KMNIST/raw")),
    ],
)
def test_layouts(module: ModuleType, layout: str, compressed: bool, tmp_path: Path) -> None:
    write(tmp_path / "data" / layout, compressed=compressed)
    dataset = module.load(tmp_path / "data")
    np.testing.assert_array_equal(dataset.train.x[:, 0], IMAGES["train"])
    np.testing.assert_array_equal(dataset.test.x[:, 0], IMAGES["t10k"])
    np.testing.assert_array_equal(dataset.test.u[0], LABELS["t10k"])
    assert dataset.task.target.shape == (1, 28, 28)
    assert dataset.train.u[0].dtype == np.int64
    assert dataset.family == dataset.name
    assert len(dataset.labels) == dataset.task.condition[0].size == 10


def test_digest_is_of_the_content(tmp_path: Path) -> None:
    plain = mnist.digest(write(tmp_path / "a"))
    assert plain == mnist.digest(write(tmp_path / "b" / "mnist", compressed=True).parent)
    swapped = {split: labels[::-1] for split, labels in LABELS.items()}
    assert plain != mnist.digest(write(tmp_path / "c", labels=swapped))


def test_digest_needs_no_torch(tmp_path: Path) -> None:
    write(tmp_path, compressed=True)
    code = "import sys; from pathlib import Path; from condbench_plugins.datasets import mnist, mnist10k\n"
    code += "mnist.digest(Path(sys.argv[1])); mnist10k.digest(None); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


def test_the_operating_systems_folder_is_found_without_a_root(tmp_path: Path) -> None:
    write(tmp_path / "system", compressed=True)
    assert len(fashion_mnist.load(None).train) == 30


def test_a_given_root_is_the_only_place(tmp_path: Path) -> None:
    write(tmp_path / "system", compressed=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no data for fashion-mnist"):
        fashion_mnist.load(tmp_path / "empty")


@pytest.mark.parametrize("use", [mnist.load, mnist.digest])
def test_nowhere_to_be_had(use: Callable[[Path], object], tmp_path: Path) -> None:
    root = tmp_path / "empty"
    root.mkdir()
    with pytest.raises(UserError) as caught:
        use(root)
    message = str(caught.value)
    assert "\n" not in message
    assert "download failed" in message
    assert str(root / "mnist" / "train-images-idx3-ubyte.gz") in message
    assert not list(root.iterdir()), "nothing half-written"


def test_a_root_that_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a folder"):
        mnist.load(tmp_path / "absent")


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """The address of a web server on this machine that serves ``folder``."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize("root", [True, False])
def test_download(root: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = write(tmp_path / "server", compressed=True)
    resources = [(f.name, hashlib.md5(f.read_bytes()).hexdigest()) for f in server.iterdir()]
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", resources)
    (tmp_path / "data").mkdir()
    given = tmp_path / "data" if root else None

    with serve(server) as url:
        monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [url])
        assert len(mnist.load(given).train) == 30

    home = given or tmp_path / "cache" / "data"
    assert {f.name for f in (home / "MNIST" / "raw").iterdir()} == set(idx._FILES)
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [])
    assert len(mnist.load(given).test) == 20, "the second time it is there"


def test_another_datasets_files_are_refused(tmp_path: Path) -> None:
    clothes = LABELS | {"t10k": np.array([9, 2, 1, 1, 6, 1, 4, 6, 5, 7] * 2, np.uint8)}
    write(tmp_path, labels=clothes)
    fashion_mnist.load(tmp_path)
    with pytest.raises(UserError, match="holds fashion-mnist, not mnist"):
        mnist.digest(tmp_path)
    with pytest.raises(UserError, match="holds fashion-mnist, not kmnist"):
        kmnist.digest(tmp_path)


def test_classes_are_those_of_torchvision() -> None:
    assert kmnist._SOURCE.labels == tuple(torchvision.datasets.KMNIST.classes)


def cut(folder: Path) -> None:
    file = folder / "train-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:-1000])


def not_idx(folder: Path) -> None:
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"hello"))


def not_gzip(folder: Path) -> None:
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(b"hello")


def short(folder: Path) -> None:
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(encode(IMAGES["t10k"])[:-5]))


def fewer_labels(folder: Path) -> None:
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(encode(LABELS["t10k"][:-1])))


def strange_labels(folder: Path) -> None:
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(encode(LABELS["train"] + 1)))


def labels_not_idx(folder: Path) -> None:
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"hello"))


@pytest.mark.parametrize(
    "damage, blamed",
    [
        (cut, ["train-images-idx3-ubyte"]),
        (not_idx, ["train-images-idx3-ubyte"]),
        (not_gzip, ["train-labels-idx1-ubyte"]),
        (labels_not_idx, ["train-labels-idx1-ubyte"]),
        (short, ["t10k-images-idx3-ubyte"]),
        (fewer_labels, ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]),
        (strange_labels, ["train-labels-idx1-ubyte"]),
    ],
)
def test_damage_is_told_in_one_sentence(damage: Callable[[Path], None], blamed: list[str], tmp_path: Path) -> None:
    """It names the files that may be the damaged ones, and never advises to delete their folder."""
    damage(write(tmp_path, compressed=True))
    with pytest.raises(UserError, match="is damaged or not in the IDX format") as caught:
        mnist.load(tmp_path)
    message = str(caught.value)
    assert message.startswith(" or ".join(f"'{tmp_path / name}.gz'" for name in blamed) + " is damaged")
    assert f"'{tmp_path}'" not in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "error, words",
    [
        ("Error downloading a:\nTried b, got:\n<urlopen error [Errno -2] Name or service not known>\n",
         "Name or service not known"),
        ("Tried b, got:\n<urlopen error timed out>\n", "timed out"),
        ("Tried b, got:\nHTTP Error 404: Not Found\n", "HTTP Error 404: Not Found"),
        ("Tried b, got:\nFile not found or corrupted.\n", "File not found or corrupted"),
        ("[Errno 28] No space left on device", "No space left on device"),
        ("", "RuntimeError"),
    ],
)  # fmt: skip
def test_a_failed_download_is_told_in_words(error: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        idx._nowhere(mnist._SOURCE, tmp_path, RuntimeError(error))
    assert f"the download failed ({words});" in str(caught.value)
    assert str(caught.value).endswith(".")
