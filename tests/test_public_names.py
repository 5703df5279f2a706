"""The contract `condbench.v1` does not change unnoticed, is on the reference page, and suffices for plugins."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.test_tutorial import TUTORIAL, blocks

ROOT = Path(__file__).parents[1]
KEPT = Path(__file__).with_name("public_names.txt")


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "docs" / "make_reference.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_reference"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


reference = load_script()


def changes(before: list[str], now: list[str]) -> str:
    """What an author of condbench is to do about a difference; empty without any."""
    gone = [line for line in before if line not in now]
    moved = [line for line in before if "(" not in line] != [line for line in now if "(" not in line and line in before]
    if gone or moved:
        return (
            "condbench.v1 promises these, and they are gone, or otherwise, or fields in another order "
            "(docs/compatibility.md): keep them, or add what is new beside them with a default, or start condbench.v2. "
            "Only an argument or field with a default, last, and an annotation that allows more may be entered in "
            f"{KEPT.name} by hand.\n  " + "\n  ".join(gone)
        )
    if new := [line for line in now if line not in before]:
        return (
            "These are new. If plugins shall have them for good, run `python docs/make_reference.py && python "
            f"docs/make_reference.py --names > tests/{KEPT.name}`.\n  " + "\n  ".join(new)
        )
    return ""


def test_no_public_name_has_changed() -> None:
    said = changes(KEPT.read_text().splitlines(), reference.names())
    assert not said, said


def test_a_change_is_noticed_and_says_what_to_do() -> None:
    names = reference.names()
    renamed = [line.replace("mixable: bool=True", "causal: bool=False") for line in names]
    assert "condbench.v2" in changes(names, renamed) and "mixable" in changes(names, renamed)
    position = names.index("condbench.specs: Domain.shape: tuple[int, ...]")
    swapped = [*names[: position - 1], names[position], names[position - 1], *names[position + 1 :]]
    assert "in another order" in changes(names, swapped)
    assert "make_reference.py --names" in changes(names, [*names, "condbench.specs: class LossSpec"])


def test_the_page_is_what_the_script_writes() -> None:
    assert reference.page() == (ROOT / "docs" / "reference.md").read_text(), "run `python docs/make_reference.py`"


def test_every_public_name_says_what_it_is() -> None:
    silent = [
        f"{module}.{name}"
        for module, (_, names) in reference.PUBLIC.items()
        for name in names
        if not reference.documented(module, name).docstring
    ]
    assert not silent


def test_every_hook_is_on_the_page() -> None:
    from condbench import hookspecs

    assert set(reference.HOOKS) == {name for name in vars(hookspecs) if name.startswith("condbench_")}


def used(source: str) -> Iterator[str]:
    """The names of condbench's that a module imports, as module.name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0].startswith("condbench"):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "condbench")


def authors() -> dict[str, str]:
    """Every module that shows authors how it is done, by where it stands; of examples, not their tests."""
    sources = {str(path.relative_to(ROOT)): path.read_text() for path in ROOT.glob("examples/*/src/**/*.py")}
    for path in (ROOT / "harness" / "condbench" / "templates").rglob("*.py.j2"):
        sources[str(path.relative_to(ROOT))] = path.read_text().replace("<<package>>", "mine").replace("<<", "")
    for number, block in enumerate(blocks(TUTORIAL.read_text())):
        if block.language == "python":
            sources[f"docs/tutorial.md, block {number}"] = block.text
    return sources


@pytest.mark.parametrize("where", authors())
def test_public_names_suffice(where: str) -> None:
    public = {f"{module}.{name}" for module, (_, names) in reference.PUBLIC.items() for name in names}
    public |= {"condbench.hookimpl"}
    own = ("condbench_example.", "condbench_diffusers.", "condbench_pythae.", "condbench_extras.", "condbench_imle.")
    assert not [name for name in used(authors()[where]) if name not in public and not name.startswith(own)]
