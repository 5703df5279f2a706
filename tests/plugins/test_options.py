"""Options of plugins are typed, listed and checked before anything runs, whatever an author leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest

from condbench.errors import UserError
from condbench.matrix import choose
from condbench.names import parse_requests
from condbench.options import options_model, restore_options
from condbench.registry import PluginFailed, Registry
from tests.conftest import Condbench
from tests.plugins.conftest import Site

PLUGIN = """
from condbench import hookimpl
from condbench.specs import BackboneSpec, ConditionerSpec

@hookimpl
def condbench_register_backbones():
    for name in ("lax", "strict", "needy", "odd", "function", "absent", "torn", "gone"):
        module = f"mine_{name}" if name in ("torn", "gone") else "mine_options"
        yield BackboneSpec(name, "nowhere:build", "a backbone", options=f"{module}:{name.title()}")

@hookimpl
def condbench_register_conditioners():
    yield ConditionerSpec("lax", "nowhere:make", "a conditioner", options="mine_options:Lax")
"""

OPTIONS = """
import enum
from typing import Literal
from pydantic import BaseModel, ConfigDict, Field, field_validator

class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"

class Lax(BaseModel):
    width: int = Field(8, ge=2, le=64, multiple_of=2, description="how wide")
    rate: float | None = Field(None, gt=0, description="how fast")
    order: Literal["raster", "random"] = "raster"
    bias: bool = False

class Strict(Lax):
    model_config = ConfigDict(strict=True, extra="forbid")
    colour: Colour = Field(Colour.RED, description="which colour")

class Needy(BaseModel):
    model_config = ConfigDict(extra="forbid")
    path: str = Field(description="where")
    width: int = 8

class Odd(BaseModel):
    width: int = 8

    @field_validator("width")
    @classmethod
    def _look_up(cls, value):
        return {8: 8}[value]

def Function():
    return Lax()
"""


@pytest.fixture
def registry(site: Site) -> Registry:
    (site.folder / "mine_options.py").write_text(OPTIONS)
    (site.folder / "mine_torn.py").write_text("import no_such_library\n")
    (site.folder / "mine_gone.py").write_text("raise SystemExit(3)\n")
    site.plant("mine", PLUGIN)
    return site.registry()


def chosen(registry: Registry, text: str, kind: str = "backbones"):
    (request,) = parse_requests([text])
    return choose(request, registry.catalogues[kind])[1]


@pytest.mark.parametrize("kind", ["backbones", "conditioners"])
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("widht=4", "unknown key 'widht': did you mean 'width'"),
        ("width=wide", "width = 'wide' is not valid"),
        ("width=4.5", "width = '4.5' is not valid"),
        ("width=0", "greater than or equal to 2"),
        ("width=66", "less than or equal to 64"),
        ("width=5", "multiple of 2"),
        ("rate=0", "greater than 0"),
        ("order=rastre", "'raster' or 'random'"),
        ("bias=perhaps", "bias = 'perhaps' is not valid"),
    ],
)
def test_a_wrong_option_is_one_sentence(registry: Registry, kind: str, options: str, says: str) -> None:
    """The model of these does not forbid unknown options, as pydantic by default does not."""
    with pytest.raises(UserError, match=f"the {kind[:-1]} 'lax': ") as told:
        chosen(registry, f"lax[{options}]", kind)
    assert says in str(told.value) and "\n" not in str(told.value)


def test_text_becomes_what_the_option_is(registry: Registry) -> None:
    asked = "strict[width=16,rate=0.5,order=random,bias=yes,colour=blue]"
    choice = chosen(registry, asked)
    values = {"width": 16, "rate": 0.5, "order": "random", "bias": True, "colour": "blue"}
    assert choice.options == choice.changed == values
    entry = registry.backbones.get("strict")
    assert entry.spec.options is not None
    options = restore_options(options_model(entry, entry.spec.options), choice.options)
    assert options.model_dump(mode="json") == values and options.colour.name == "BLUE"  # type: ignore[attr-defined]
    assert chosen(registry, "strict[width=8]").changed == {}


def test_an_option_may_be_needed(registry: Registry) -> None:
    with pytest.raises(UserError, match="the backbone 'needy' lacks the key 'path'"):
        chosen(registry, "needy")
    assert chosen(registry, "needy[path=here]").changed == {"path": "here"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("torn", "No module named 'no_such_library' (mine_torn.py:1)"),
        ("gone", "SystemExit: 3 (mine_gone.py:1)"),
        ("absent", "has no attribute 'Absent'"),
        ("function", "not a pydantic model"),
        ("odd[width=9]", "KeyError: 9 (mine_options.py:31)"),
    ],
)
def test_options_that_do_not_work_are_their_plugins(registry: Registry, text: str, says: str) -> None:
    with pytest.raises(
        PluginFailed, match=r"of mine 1\.0 failed in mine_.*switch it off with --without-plugin mine"
    ) as told:
        chosen(registry, text)
    assert says in str(told.value)


def test_on_the_command_line(condbench: Condbench) -> None:
    condbench.plant("mine", PLUGIN)
    folder: Path = condbench.planted[-1]
    (folder / "mine_options.py").write_text(OPTIONS)
    (folder / "mine_torn.py").write_text("import no_such_library\n")
    (folder / "mine_gone.py").write_text("raise SystemExit(3)\n")
    out = condbench("list", "mine:strict")
    assert "  width = 8 (integer, at least 2, at most 64, a multiple of 2): how wide" in out
    assert "  rate = none (number, above 0): how fast" in out
    assert "  order = raster (raster or random): " in out
    assert "  colour = red (red or blue): which colour" in out
    assert "  path = …, which must be given (string): where" in condbench("list", "needy")
    condbench("run", "-b", "lax[widht=3]", "-c", "film", "--dry-run", code=2)
    assert "did you mean 'width'" in condbench.err and condbench.out == ""
    condbench("run", "-b", "torn", "-c", "film", "--dry-run", code=2)
    assert "of mine 1.0 failed in mine_torn:Torn" in condbench.err and condbench.err.count("\n") == 1
    condbench("list", "torn", code=2)
    assert "no_such_library" in condbench.err
    problems = [f for f in condbench.json("doctor", code=2) if f["state"] == "problem"]
    assert [f["subject"].rpartition(":")[2] for f in problems] == ["function", "absent", "torn", "gone"]
    assert [path for path in condbench.cwd.iterdir() if path != folder] == [], "nothing was left behind"
