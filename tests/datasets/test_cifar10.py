"""CIFAR-10 from files that the tests write in its format: read as they are, downloaded, damaged, and not to be had."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from torchvision.datasets import CIFAR10

from condbench.errors import UserError
from condbench_plugins.datasets import cifar10

RNG = np.random.default_rng(0)
BATCHES = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch")
IMAGES = {name: RNG.integers(0, 256, (10, 3, 32, 32), np.uint8) for name in BATCHES}
LABELS = {name: RNG.permutation(10) for name in BATCHES}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with made-up batches and their archive, served on this machine; torchvision knows their checksums."""
    folder = tmp_path / "server"
    (folder / "cifar-10-batches-py").mkdir(parents=True)
    checksums = {}
    for name in (*BATCHES, "batches.meta"):
        content: dict[str, object] = {"label_names": list(cifar10._LABELS)}
        if name != "batches.meta":
            content = {"data": IMAGES[name].reshape(10, -1), "labels": LABELS[name].tolist()}
        data = pickle.dumps(content)
        (folder / "cifar-10-batches-py" / name).write_bytes(data)
        checksums[name] = hashlib.md5(data).hexdigest()
    archive = folder / "cifar.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder / "cifar-10-batches-py", "cifar-10-batches-py")
    monkeypatch.setenv("CONDBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(CIFAR10, "train_list", [[name, checksums[name]] for name in BATCHES[:5]])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", checksums["test_batch"]]])
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": checksums["batches.meta"]})
    monkeypatch.setattr(CIFAR10, "tgz_md5", hashlib.md5(archive.read_bytes()).hexdigest())
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder))) as web:
        Thread(target=web.serve_forever).start()
        monkeypatch.setattr(CIFAR10, "url", f"http://127.0.0.1:{web.server_port}/cifar.tar.gz")
        yield folder
        web.shutdown()


@pytest.fixture
def offline(server: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(CIFAR10, "url", "http://127.0.0.1:9/cifar.tar.gz")
    return server


def test_the_files_are_torchvisions() -> None:
    listed = [name for name, _ in CIFAR10.train_list + CIFAR10.test_list]
    assert (*listed, CIFAR10.meta["filename"]) == cifar10._FILES
    assert CIFAR10.base_folder == cifar10._BATCHES


@pytest.mark.parametrize("layout", [".", "cifar10"])
def test_images_and_labels_are_those_of_the_files(offline: Path, layout: str, tmp_path: Path) -> None:
    (tmp_path / "data" / layout).mkdir(parents=True)
    (offline / "cifar-10-batches-py").rename(tmp_path / "data" / layout / "cifar-10-batches-py")
    dataset = cifar10.load(tmp_path / "data")
    np.testing.assert_array_equal(dataset.train.x, np.concatenate([IMAGES[name] for name in BATCHES[:5]]))
    np.testing.assert_array_equal(dataset.train.u[0], np.concatenate([LABELS[name] for name in BATCHES[:5]]))
    np.testing.assert_array_equal(dataset.test.x, IMAGES["test_batch"])
    np.testing.assert_array_equal(dataset.test.u[0], LABELS["test_batch"])
    assert dataset.task.target.shape == (3, 32, 32)
    assert dataset.train.u[0].dtype == np.int64
    assert len(dataset.labels) == dataset.task.condition[0].size == 10


@pytest.mark.parametrize("given", [True, False])
def test_download(server: Path, given: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    root = tmp_path / "data" if given else None
    assert len(cifar10.load(root).train) == 50
    home = root or tmp_path / "cache" / "data"
    assert [path.name for path in home.iterdir()] == ["cifar-10-batches-py"], "nothing else stays behind"
    monkeypatch.setattr(CIFAR10, "url", "http://127.0.0.1:9/cifar.tar.gz")
    assert len(cifar10.load(root).test) == 10, "the second time it is there"


def test_digest_is_of_the_content_and_needs_no_torch(offline: Path) -> None:
    before = cifar10.digest(offline)
    code = "import sys; from pathlib import Path; from condbench_plugins.datasets import cifar10\n"
    code += "print(cifar10.digest(Path(sys.argv[1]))); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, str(offline)], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == before
    file = offline / "cifar-10-batches-py" / "data_batch_3"
    file.write_bytes(file.read_bytes()[:-1])
    assert cifar10.digest(offline) != before


@pytest.mark.parametrize("use", [cifar10.load, cifar10.digest])
def test_nowhere_to_be_had(offline: Path, use: Callable[[Path], object], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"the download failed \(Connection refused\)") as caught:
        use(tmp_path / "empty")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "empty").iterdir()), "nothing half-written"
    with pytest.raises(UserError, match="is not a folder"):
        use(tmp_path / "absent")


def test_a_wrong_archive_leaves_nothing_behind(server: Path, tmp_path: Path) -> None:
    (server / "cifar.tar.gz").write_bytes(b"an error page")
    (tmp_path / "data").mkdir()
    with pytest.raises(UserError, match="the download failed"):
        cifar10.load(tmp_path / "data")
    assert not list((tmp_path / "data").iterdir())


def test_damage_is_named_and_nothing_of_it_is_unpickled(offline: Path) -> None:
    class Explosive:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return pytest.fail, ("a damaged file was unpickled",)

    for name in ("data_batch_2", "batches.meta"):
        (offline / "cifar-10-batches-py" / name).write_bytes(pickle.dumps(Explosive()))
    with pytest.raises(UserError, match=r"data_batch_2' and '.*batches.meta' are damaged or not CIFAR-10's"):
        cifar10.load(offline)


def test_a_file_that_lacks_is_named(offline: Path) -> None:
    (offline / "cifar-10-batches-py" / "data_batch_4").unlink()
    with pytest.raises(UserError, match="lacks data_batch_4"):
        cifar10.digest(offline)
