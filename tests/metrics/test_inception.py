"""Inception's weights: found or asked for, checked, and in the provenance; the network itself is torch-fidelity's."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from condbench.data import Dataset, Split
from condbench.evaluation import Evaluation, Unavailable
from condbench_plugins.metrics import fid, inception, inception_weights

MakeEvaluation = Callable[..., Evaluation]


class Small(nn.Module):
    """Takes torch-fidelity's arguments and gives as many features, from the image's own numbers."""

    def __init__(
        self, name: str, layers: list[str], feature_extractor_weights_path: str | None = None, verbose: bool = True
    ) -> None:
        super().__init__()
        assert (name, layers) == ("inception-v3-compat", ["2048"])
        self.scale = nn.Parameter(torch.zeros(3))
        if feature_extractor_weights_path is None:
            assert not verbose, "no progress bar in a cell's log"
            raise URLError("no route to host")
        self.load_state_dict(torch.load(feature_extractor_weights_path))

    def forward(self, images: Tensor) -> tuple[Tensor]:
        assert images.dtype == torch.uint8 and images.shape[1] == 3
        return ((images.float() * self.scale[:, None, None]).flatten(1)[:, :2048],)


@pytest.fixture(autouse=True)
def _nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(inception_weights.VARIABLE, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(inception, "FeatureExtractorInceptionV3", Small)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "given.pth"
    torch.save({"scale": torch.ones(3)}, path)
    monkeypatch.setenv(inception_weights.VARIABLE, str(path))
    return path


def evaluation(digits: Dataset, count: int) -> Evaluation:
    """Noise, whose 2,048 features no covariance is short of."""
    rng = np.random.default_rng(0)
    real, samples = (rng.integers(0, 256, (n, 1, 28, 28), np.uint8) for n in (2100, count))
    dataset = replace(digits, train=Split(real, (np.arange(2100) % 10,)))
    return Evaluation(dataset, samples, (np.arange(count) % 10,), torch.device("cpu"))


def test_no_weights_and_no_network(digits: Dataset) -> None:
    with pytest.raises(Unavailable, match=r"could not be downloaded \(.*no route.*: set CONDBENCH_INCEPTION_WEIGHTS"):
        inception.measure(evaluation(digits, 2060))


def test_too_few_samples_are_told_before_any_work(digits: Dataset) -> None:
    with pytest.raises(Unavailable, match=r"more than 2048 images, got 300: .* samples = 5000"):
        inception.measure(evaluation(digits, 300))


def test_given_weights_make_features(digits: Dataset, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their mean and covariance go to torch-fidelity's distance, which takes long at 2,048 dimensions."""
    monkeypatch.setattr(inception, "distance", lambda one, other: float(one["mu"].sum() + other["mu"].shape[0]))
    few = evaluation(digits, 2060)
    expected = np.tile(few.samples.reshape(2060, -1), 3)[:, :2048].mean(0).sum() + 2048
    measured = inception.measure(few)
    assert measured.value == pytest.approx(expected, rel=1e-6)
    assert measured.note == "not by the published weights, so not to be compared with papers'"
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    monkeypatch.setattr(inception, "PUBLISHED_DIGEST", digest[:8])
    assert not inception.measure(few).note, "of the published ones there is nothing to say"
    assert inception_weights.inception_digest("", "") == hashlib.sha256(weights.read_bytes()).hexdigest()


def test_weights_that_are_none(digits: Dataset, weights: Path) -> None:
    few = evaluation(digits, 2060)
    torch.save({"other": torch.ones(3)}, weights)
    with pytest.raises(Unavailable, match="does not fit torch-fidelity's Inception"):
        inception.measure(few)
    weights.write_bytes(b"not weights")
    with pytest.raises(Unavailable, match="holds no weights"):
        inception.measure(few)
    weights.unlink()
    with pytest.raises(Unavailable, match=r"names .*given.pth, which is no file"):
        inception.measure(few)
    assert inception_weights.inception_digest("", "") == "no such file"


def test_a_file_that_would_run_code_is_refused(digits: Dataset, weights: Path, tmp_path: Path) -> None:
    class Mischief:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "ran",)

    weights.write_bytes(pickle.dumps(Mischief(), protocol=2))
    with pytest.raises(Unavailable, match="holds no weights"):
        inception.measure(evaluation(digits, 2060))
    assert not (tmp_path / "ran").exists()


def test_a_download_that_is_not_the_published_file(digits: Dataset) -> None:
    path = inception_weights.downloaded_file()
    path.parent.mkdir(parents=True)
    torch.save({"scale": torch.ones(3)}, path)
    with pytest.raises(Unavailable, match="another digest than published: remove the file"):
        inception.measure(evaluation(digits, 2060))


def test_where_torch_keeps_it() -> None:
    assert inception_weights.downloaded_file().parent == Path(torch.hub.get_dir()) / "checkpoints"


def test_digests_need_no_torch() -> None:
    code = (
        "import sys; from condbench_plugins.metrics import inception_weights as i, random_network_digest as r\n"
        "i.inception_digest('', ''), r.random_network_digest('', '')\n"
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_distance_in_2048_dimensions_is_torch_fidelitys_own() -> None:
    assert inception.distance is fid.distance
