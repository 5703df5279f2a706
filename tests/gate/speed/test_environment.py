"""Both sides built for real, from a small project with a build backend of its own; nothing is fetched."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from condbench.errors import NotComparable, UserError
from condbench.gate.speed.environment import _forget, _key, environment
from condbench.gate.speed.sides import Side
from condbench.gate.speed.sources import source

BACKEND = """
import pathlib, zipfile

def build_wheel(directory, config_settings=None, metadata_directory=None):
    code = pathlib.Path("tiny.py").read_text()
    if "broken" in code:
        raise SystemExit("ERROR: tiny is broken")
    name, info = "tiny-1.0-py3-none-any.whl", "tiny-1.0.dist-info"
    with zipfile.ZipFile(pathlib.Path(directory) / name, "w") as wheel:
        wheel.writestr("tiny.py", code)
        about = ["Metadata-Version: 2.1", "Name: tiny", "Version: 1.0", "Requires-Dist: pydantic", ""]
        wheel.writestr(f"{info}/METADATA", chr(10).join(about))
        tags = ["Wheel-Version: 1.0", "Generator: tiny", "Root-Is-Purelib: true", "Tag: py3-none-any", ""]
        wheel.writestr(f"{info}/WHEEL", chr(10).join(tags))
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""


def git(project: Path, *arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *who, *arguments], cwd=project, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits, and a change on top that is not committed; in a folder below the repository's top."""
    monkeypatch.setenv("CONDBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    folder = tmp_path / "repository" / "below"
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (folder / "backend.py").write_text(BACKEND)
    git(folder, "init", "--quiet")
    for version in (1, 2):
        (folder / "tiny.py").write_text(f"value = {version}\n")
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "-m", str(version))
    (folder / "tiny.py").write_text("value = 3\n")
    return folder


def value(side: Side) -> str:
    code = "import tiny, pydantic; print(tiny.value)"  # what it requires lies beneath
    return subprocess.run(
        side.command("-c", code), env=dict(side.variables), check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_revision_and_the_working_tree(project: Path, tmp_path: Path) -> None:
    before = git(project, "status", "--porcelain")
    base = environment("base", source("HEAD~1", project))
    head = environment("head", source(str(project), project))
    assert (value(base), value(head)) == ("1", "3")
    assert git(project, "status", "--porcelain") == before and git(project, "stash", "list") == ""
    again = environment("base", source("HEAD~1", project))
    assert again == base and len(list((tmp_path / "cache" / "environments").glob("*/.complete"))) == 2
    (project / "tiny.py").write_text("value = 4\n")
    assert source(str(project), project).digest != source("HEAD~1", project).digest


def test_what_was_not_used_for_a_month_is_forgotten(project: Path) -> None:
    """And what is used, is not."""
    folder = Path(environment("base", source("HEAD", project)).python).parents[1]
    os.utime(folder / ".complete", (0, 0))
    environment("base", source("HEAD", project))
    assert folder.exists()
    os.utime(folder / ".complete", (0, 0))
    _forget(folder.parent)
    assert not folder.exists()


def test_no_other_code_comes_before_a_sides_own(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what a variable names nor what lies in the current directory, which is head's in every job."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "tiny.py").write_text("value = 'another'\n")
    monkeypatch.setenv("PYTHONPATH", str(other))
    monkeypatch.chdir(other)
    assert value(environment("base", source("HEAD", project))) == "2"


def test_what_cannot_be_built_leaves_nothing(project: Path, tmp_path: Path) -> None:
    (project / "tiny.py").write_text("broken\n")
    with pytest.raises(NotComparable, match="cannot be built, pip install failed") as error:
        environment("head", source(str(project), project))
    assert "\n" not in str(error.value)
    assert [path for path in (tmp_path / "cache" / "environments").iterdir() if path.is_dir()] == []


@pytest.mark.parametrize(
    "text", ["nowhere", "--upload-pack=x", "condbench", "condbench>=1", "tiny==1.*", "tiny @ git+https://a.org/b@main"]
)
def test_what_is_no_source_is_explained(project: Path, text: str) -> None:
    with pytest.raises(UserError, match="neither a git revision"):
        source(text, project)


def test_an_edit_is_noticed_where_git_does_not_look(project: Path, tmp_path: Path) -> None:
    """Or the environment of before the edit would be measured: of a folder that git ignores, or knows nothing of."""
    (project / ".gitignore").write_text("copy/\n")
    for folder in (project / "copy", tmp_path / "elsewhere"):
        folder.mkdir()
        (folder / "tiny.py").write_text("value = 1\n")
        before = source(str(folder), project).digest
        assert source(str(folder), project).digest == before
        (folder / "tiny.py").write_text("value = 2\n")
        assert source(str(folder), project).digest != before


def test_what_git_has_to_say_is_told(tmp_path: Path) -> None:
    """E.g. that a job's container belongs to somebody else than its clone."""
    with pytest.raises(UserError, match=r"neither a git revision of .* \(fatal: not a git repository"):
        source("main", tmp_path)


def test_a_requirement_has_a_version(project: Path) -> None:
    assert source("condbench==0.1.0", project).place == "condbench==0.1.0"


def test_what_lies_beneath_is_part_of_an_environment(project: Path, tmp_path: Path) -> None:
    """A torch that was upgraded means another environment, for both sides."""
    keys = set()
    for version in ("1.0", "2.0"):
        about = tmp_path / version / "torch.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")
        keys.add(_key(source("HEAD", project), [str(tmp_path / version)]))
    assert len(keys) == 2
