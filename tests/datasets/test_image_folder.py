"""Folders of images: read as torchvision reads them, whatever the tree; and every way in which one can be wrong."""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.datasets import ImageFolder

from condbench.errors import UserError
from condbench_plugins.datasets import image_folder
from tests.made_images import encode, write_images

LETTERS = st.text("abcxyz019 _é", min_size=1, max_size=6).map(str.strip).filter(bool)
FILES = st.dictionaries(
    st.tuples(LETTERS, st.sampled_from([".png", ".PNG", ".bmp", ".tif", ".txt"]), st.sampled_from(["", "deeper"])),
    st.integers(0, 255),
    min_size=1,
    max_size=4,
)


@st.composite
def trees(draw: st.DrawFn) -> dict[str, bytes]:
    """Paths and contents: some classes, each with an image or more in both splits, and files that are none."""
    channels, width, height = draw(st.sampled_from([1, 3])), draw(st.integers(1, 5)), draw(st.integers(1, 5))
    tree = {}
    for label in draw(st.lists(LETTERS, min_size=1, max_size=3, unique_by=str.lower)):
        for split in ("train", "test"):
            files = draw(FILES) | {("always", ".png", ""): draw(st.integers(0, 255))}
            for (name, suffix, below), shade in files.items():
                format = {".png": "PNG", ".bmp": "BMP", ".tif": "TIFF", ".txt": "PNG"}[suffix.lower()]
                array = np.full((height, width, channels), shade, np.uint8)
                tree[str(Path(split, label, below, name + suffix))] = encode(array, format)
    return tree


def write(root: Path, tree: dict[str, bytes]) -> Path:
    for name, content in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


@settings(max_examples=12)
@given(trees())
def test_reads_what_torchvision_reads(tree: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = write(Path(folder), tree)
        dataset = image_folder.load(root)
        for split, ours in (("train", dataset.train), ("test", dataset.test)):
            theirs = ImageFolder(root / split)
            assert list(dataset.labels) == theirs.classes
            colours = Counter((np.asarray(image.convert("RGB")).tobytes(), label) for image, label in theirs)
            x = np.broadcast_to(ours.x, (len(ours), 3, *ours.x.shape[2:])).transpose(0, 2, 3, 1)
            pairs = zip(x, ours.u[0].tolist(), strict=True)
            assert Counter((image.tobytes(), label) for image, label in pairs) == colours
        assert dataset.task.target.shape == dataset.train.x.shape[1:]
        assert len(image_folder.digest(root)) == 64


@settings(max_examples=12)
@given(trees(), st.data())
def test_digest_changes_with_the_content_and_the_labels_only(tree: dict[str, bytes], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        assert image_folder.digest(write(Path(one), tree)) == image_folder.digest(write(Path(other), tree))
        images = [path for path in Path(one).rglob("*") if path.is_file() and path.suffix != ".txt"]
        changed = data.draw(st.sampled_from(images))
        before = image_folder.digest(Path(one))
        (changed.parent / "notes.txt").write_text("not an image")
        (changed.parent / ".hidden.png").write_text("not an image either")
        assert image_folder.digest(Path(one)) == before
        with Image.open(changed) as image:
            (changed.parent / "zzz.png").write_bytes(encode(np.asarray(image) ^ 1, "PNG"))
        assert image_folder.digest(Path(one)) != before
        (changed.parent / "zzz.png").unlink()
        label = next(path for path in sorted((Path(one) / "train").iterdir()))
        for split in ("train", "test"):
            (Path(one) / split / label.name).rename(Path(one) / split / "renamed")
        assert image_folder.digest(Path(one)) != before


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about damaged TIFFs
@settings(max_examples=40)
@given(st.data())
def test_a_damaged_image_is_told_or_read(data: st.DataObject) -> None:
    """Whatever is changed in a file, there is an image of the right shape or one sentence, and never a traceback."""
    content = bytearray(encode(np.arange(48, dtype=np.uint8).reshape(4, 4, 3), data.draw(st.sampled_from(FORMATS))))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))]
    with tempfile.TemporaryDirectory() as folder:
        root = write_images(Path(folder), channels=3, size=4, classes=2, train=1, test=1)
        (root / "train" / "one" / "0.png").write_bytes(bytes(content))
        try:
            assert image_folder.load(root).train.x.shape == (2, 3, 4, 4)
        except UserError as error:
            assert "0.png'" in str(error) and str(error).count("\n") == 0


FORMATS = ("PNG", "BMP", "TIFF", "JPEG", "WEBP", "PPM")


def test_images_are_in_a_fixed_random_order(tmp_path: Path) -> None:
    """Measuring takes the first so many of the test split, which must not all be of the first class."""
    root = write_images(tmp_path, channels=1, size=4, classes=2, train=50, test=50)
    one, other = image_folder.load(root), image_folder.load(root)
    np.testing.assert_array_equal(one.test.x, other.test.x)
    assert 3 < one.test.u[0][:20].sum() < 17
    assert one.test.u[0].dtype == np.int64 and one.test.x.dtype == np.uint8


def test_digest_needs_no_torch(tmp_path: Path) -> None:
    write_images(tmp_path, channels=3, size=4, classes=2, train=1, test=1)
    code = "import sys; from pathlib import Path; from condbench_plugins.datasets import image_folder\n"
    code += "image_folder.digest(Path(sys.argv[1])); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


def no_test(root: Path) -> None:
    (root / "test").rename(root / "held-out")


def classes_on_top(root: Path) -> None:
    (root / "train" / "one").rename(root / "one")
    (root / "train").rename(root / "two")


def no_classes(root: Path) -> None:
    for label in ("one", "two"):
        (root / "train" / label).rename(root / label)


def unknown_class(root: Path) -> None:
    (root / "test" / "two").rename(root / "test" / "twwo")


def no_test_class(root: Path) -> None:
    (root / "test" / "two").rename(root / "two")


def empty_class(root: Path) -> None:
    for file in (root / "train" / "two").iterdir():
        file.rename(file.with_suffix(".txt"))


def another_size(root: Path) -> None:
    (root / "test" / "one" / "0.png").write_bytes(encode(np.zeros((4, 6, 1), np.uint8), "PNG"))


def another_mode(root: Path) -> None:
    (root / "train" / "two" / "0.png").write_bytes(encode(np.zeros((4, 4, 3), np.uint8), "PNG"))


def transparency(root: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (4, 4)).save(buffer, "PNG")
    (root / "train" / "two" / "0.png").write_bytes(buffer.getvalue())


def no_image(root: Path) -> None:
    (root / "train" / "two" / "0.png").write_text("hello")


BAD: dict[Callable[[Path], None], str] = {
    no_test: "has no folder 'test'",
    classes_on_top: "has no folder 'train'",
    no_classes: "train' has no folders: put the images of each class into",
    unknown_class: "twwo' is of a class that .*train' does not have: its classes are one, two",
    no_test_class: "test' has no folder 'two': every class needs test images",
    empty_class: "train/two' holds no images",
    another_size: "0.png' is 6 x 4 in grey, but .* is 4 x 4 in grey: bring all images to one size",
    another_mode: "0.png' is 4 x 4 in colour, but .* is 4 x 4 in grey",
    transparency: "0.png' has the mode RGBA: convert it",
    no_image: r"0.png' is no image that can be read \(it has no known format\)",
}


@pytest.mark.parametrize("damage", BAD, ids=lambda damage: damage.__name__)
def test_a_wrong_tree_is_told_before_anything_is_loaded(damage: Callable[[Path], None], tmp_path: Path) -> None:
    damage(write_images(tmp_path, channels=1, size=4, classes=2, train=2, test=2))
    for use in (image_folder.digest, image_folder.load):
        with pytest.raises(UserError, match=BAD[damage]) as caught:
            use(tmp_path)
        assert "\n" not in str(caught.value)


def test_an_image_that_ends_too_early_is_named(tmp_path: Path) -> None:
    root = write_images(tmp_path, channels=1, size=32, classes=2, train=1, test=1)
    file = root / "test" / "two" / "0.png"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"two/0.png' is no image that can be read"):
        image_folder.load(root)


def test_without_a_root() -> None:
    with pytest.raises(UserError, match="add --data-root DIR"):
        image_folder.digest(None)
