"""The built-in datasets, as descriptions; `condbench_plugins.register` yields them. Importing this imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from condbench import hookimpl
from condbench.specs import DatasetSpec


@hookimpl
def condbench_register_datasets() -> Iterable[DatasetSpec]:
    """Images with class labels."""
    package = "condbench_plugins.datasets"
    yield DatasetSpec(
        name="mnist10k",
        target=f"{package}.mnist10k:load",
        fingerprint=f"{package}.mnist10k:digest",
        family="mnist",
        summary="10,000 real handwritten digits, 28 x 28; ships with condbench",
    )
    yield DatasetSpec(
        name="mnist",
        target=f"{package}.mnist:load",
        fingerprint=f"{package}.mnist:digest",
        summary="70,000 handwritten digits, 28 x 28, from local IDX files or a download",
    )
    yield DatasetSpec(
        name="fashion-mnist",
        target=f"{package}.fashion_mnist:load",
        fingerprint=f"{package}.fashion_mnist:digest",
        summary="70,000 pictures of clothes, 28 x 28, from local IDX files, Debian's package or a download",
    )
    yield DatasetSpec(
        name="kmnist",
        target=f"{package}.kmnist:load",
        fingerprint=f"{package}.kmnist:digest",
        summary="70,000 cursive Japanese characters, 28 x 28, from local IDX files or a download",
    )
    yield DatasetSpec(
        name="cifar10",
        target=f"{package}.cifar10:load",
        fingerprint=f"{package}.cifar10:digest",
        summary="60,000 small photographs, 32 x 32 in colour, from a local folder or a download",
    )
    yield DatasetSpec(
        name="image-folder",
        target=f"{package}.image_folder:load",
        fingerprint=f"{package}.image_folder:digest",
        summary="labelled images of one size, in --data-root's folders train/CLASS and test/CLASS",
    )
