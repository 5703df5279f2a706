"""A third party's distribution: installed for real it is in the list and in the matrix, with no change to condbench."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[1] / "examples" / "condbench-example"


class CommandLine:
    """`condbench` in processes of its own, with or without the example on the path."""

    def __init__(self, path: Path | None) -> None:
        self.environment = os.environ | ({} if path is None else {"PYTHONPATH": str(path)})

    def python(self, code: str, *arguments: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=self.environment,
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *arguments: str, cwd: Path | None = None) -> Any:
        return json.loads(self.python("from condbench.cli import main; main()", *arguments, "--json", cwd=cwd))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*pip, "--target", str(target), str(EXAMPLE)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return CommandLine(target)


def test_is_listed_with_its_distribution(installed: CommandLine) -> None:
    listing = installed.json("list")
    source = {row["name"]: row["from"] for kind in ("backbones", "conditioners") for row in listing[kind]}
    assert source["coupling-flow"] == source["gate"] == "condbench-example 0.1.0"
    assert source["flow"] == source["film"]  # the built-in ones are still there


def test_options_are_typed(installed: CommandLine) -> None:
    (described,) = installed.json("list", "coupling-flow")
    assert described["options"]["couplings"]["type"] == "integer"


def test_is_in_the_matrix(installed: CommandLine) -> None:
    listing = installed.json("list")
    backbones, conditioners = ([row["name"] for row in listing[kind]] for kind in ("backbones", "conditioners"))
    plan = installed.json("run", "--all", "--dry-run")
    cells = {(line["provenance"]["cell"]["backbone"]["name"], line["provenance"]["cell"]["conditioner"]["name"]): line
             for line in plan}  # fmt: skip
    assert cells.keys() == {(backbone, conditioner) for backbone in backbones for conditioner in conditioners}
    assert len(cells) == len(plan)
    assert not [backbone for backbone in backbones if cells[backbone, "gate"]["skip"]], (
        "it composes with every backbone"
    )
    assert not cells["coupling-flow", "film"]["skip"]
    assert "positions" in cells["coupling-flow", "adain"]["skip"], "its features are vectors"
    assert cells["coupling-flow", "gate"]["provenance"]["distributions"]["condbench-example"]["version"] == "0.1.0"


@pytest.mark.parametrize(("backbones", "conditioners"), [("coupling-flow", "gate,film"), ("flow,gan", "gate")])
def test_cells_end_ok(installed: CommandLine, tmp_path: Path, backbones: str, conditioners: str) -> None:
    outcome = installed.json("run", "--suite", "smoke", "-b", backbones, "-c", conditioners, cwd=tmp_path)
    assert {cell["name"]: (cell["state"], cell["reason"]) for cell in outcome["cells"]} == {
        f"mnist10k.{backbone}.{conditioner}.s0": ("ok", "")
        for backbone in backbones.split(",")
        for conditioner in conditioners.split(",")
    }


def test_registering_imports_no_torch(installed: CommandLine) -> None:
    code = "import sys, condbench_example.register, condbench_example.options; print('torch' in sys.modules)"
    assert installed.python(code).strip() == "False"


def test_without_the_install_nothing_of_it_appears() -> None:
    listing = CommandLine(None).json("list")
    assert not [row for kind in listing.values() for row in kind if "example" in row["from"]]
    assert not {"coupling-flow", "gate"} & {row["name"] for kind in listing.values() for row in kind}
