"""The tutorial, followed as it says: its files written where it says, its commands run in a new environment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.environments import Environment

TUTORIAL = Path(__file__).parents[1] / "docs" / "tutorial.md"

_BLOCK = re.compile(r"(?:^`(?P<path>[^`\n]+)`[^\n]*:\n\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """A fenced block: a piece of a file, which a line above names, or, without one, lines for the shell."""

    path: str | None
    language: str
    text: str


def blocks(markdown: str) -> list[Block]:
    return [Block(found["path"], found["language"], found["text"]) for found in _BLOCK.finditer(markdown)]


@dataclass
class Follower:
    """One who does what the blocks say, in order; pieces of one file go one below the other."""

    environment: Environment
    cwd: Path

    def follow(self, block: Block) -> str:
        if block.path is None:
            assert block.language == "sh", "a block of code stands below the name of its file"
            script = f"{block.text}\npwd > '{self.environment.scripts}/pwd'"
            said = self.environment.shell(script, self.cwd)
            self.cwd = Path((self.environment.scripts / "pwd").read_text().strip())
            return said
        path = self.cwd / block.path
        before = f"{path.read_text()}\n\n" if path.exists() else ""
        path.write_text(before + block.text)
        return ""


@pytest.fixture(scope="module")
def follower(tmp_path_factory: pytest.TempPathFactory) -> Follower:
    folder = tmp_path_factory.mktemp("tutorial")
    return Follower(Environment(folder / "environment"), folder)


@pytest.fixture(scope="module")
def said(follower: Follower) -> dict[str, str]:
    """What each command of the tutorial printed, by its text."""
    return {block.text: follower.follow(block) for block in blocks(TUTORIAL.read_text())}


def of(said: dict[str, str], command: str) -> str:
    (printed,) = [text for block, text in said.items() if command in block]
    return printed


@pytest.mark.authors
def test_the_plugin_is_accepted_and_its_options_are_shown(said: dict[str, str]) -> None:
    printed = of(said, "condbench plugins")
    assert "condbench-imle\t0.1.0\timle\tok" in printed
    assert "samples among which the nearest to an image is sought" in printed


@pytest.mark.authors
def test_it_conforms(said: dict[str, str]) -> None:
    assert "failed" not in of(said, "condbench plugin test")


@pytest.mark.authors
def test_the_new_pair_learns_to_obey_and_stands_in_the_report(said: dict[str, str]) -> None:
    report = of(said, "condbench report").splitlines()
    accuracy = report[report.index("### label_accuracy (share, higher is better)") :]
    heads, _, values = ([entry.strip() for entry in line.split("|")[1:-1]] for line in accuracy[2:5])
    found = dict(zip(heads, values, strict=True))
    assert found[""] == "imle" and found["adain"] == "skipped"
    assert float(found["rotation"].split()[0]) > 0.4, "chance is 0.1"


@pytest.mark.authors
def test_its_types_are_strict(said: dict[str, str], follower: Follower) -> None:
    follower.environment.shell("mypy --strict src tests", follower.cwd)


def test_code_is_whole_and_every_file_is_named() -> None:
    """What can be seen without running anything: the pieces of each file parse together."""
    files: dict[str, str] = {}
    for block in blocks(TUTORIAL.read_text()):
        assert block.path or block.language == "sh"
        files[block.path or "shell"] = files.get(block.path or "shell", "") + block.text
    assert {"pyproject.toml", "src/condbench_imle/imle.py", "src/condbench_imle/rotation.py"} < files.keys()
    for path, text in files.items():
        if path.endswith(".py"):
            compile(text, path, "exec")


def test_a_block_without_a_file_is_noticed(tmp_path: Path) -> None:
    (block,) = blocks("Text.\n\n```python\nx = 1\n```\n")
    assert block.path is None
    with pytest.raises(AssertionError, match="below the name of its file"):
        Follower(Environment(tmp_path / "environment"), tmp_path).follow(block)
