"""`condbench plugin new`: a distribution of each kind, which installs, works, and passes its own tests."""

from __future__ import annotations

import json
import string
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condbench.cli import plugin_new
from condbench.errors import UserError
from tests.conftest import Condbench
from tests.environments import Environment

ROOT = Path(__file__).parents[1]
NAMES = {kind: f"condbench-my-{kind}-2" for kind in plugin_new.KINDS}


@pytest.fixture(scope="module")
def distributions(condbench_session: Callable[[str], Condbench]) -> Path:
    """The folder with one of each kind, as generated."""
    condbench = condbench_session("new")
    for kind, name in NAMES.items():
        condbench("plugin", "new", name, "--kind", kind)
    return condbench.cwd


@pytest.fixture(scope="module")
def environment(distributions: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """All five installed beside condbench."""
    made = Environment(tmp_path_factory.mktemp("authors") / "environment")
    made.shell(f"pip install {' '.join(f'./{name}' for name in NAMES.values())}", distributions)
    return made


def test_they_are_accepted_and_listed(environment: Environment, tmp_path: Path) -> None:
    plugins = json.loads(environment.shell("condbench plugins --json", tmp_path))
    states = {plugin["distribution"]: (plugin["state"], plugin["error"]) for plugin in plugins}
    assert [states[name] for name in NAMES.values()] == [("ok", "")] * len(NAMES)
    listing = json.loads(environment.shell("condbench list --json", tmp_path))
    for kind, name in NAMES.items():
        (row,) = [row for row in listing[f"{kind}s"] if row["from"] == f"{name} 0.1.0"]
        assert row["name"] == name.removeprefix("condbench-")


def test_they_pass_their_own_tests(environment: Environment, distributions: Path) -> None:
    own = " ".join(f"{name}/tests/test_{kind}.py" for kind, name in NAMES.items())
    environment.shell(f"pytest -q --import-mode=importlib {own}", distributions)


def test_they_work_together(environment: Environment, tmp_path: Path) -> None:
    """The generated backbone with the generated conditioner, on the generated data, measured and reported."""
    (tmp_path / "own.toml").write_text(
        'name = "own"\nbudget = "samples=6400"\nsamples = 120\nmetrics = ["my-metric-2"]\n'
        'datasets = ["my-dataset-2"]\nbackbones = ["my-backbone-2[width=64]"]\n'
        'conditioners = ["my-conditioner-2"]\n'
    )
    environment.shell("condbench run --suite own.toml --out run", tmp_path)
    (result,) = [json.loads(path.read_text()) for path in tmp_path.glob("run/cells/*/result.json")]
    assert (result["state"], result["reason"]) == ("ok", "")
    (row,) = [row for row in result["metrics"] if row["name"] == "my-metric-2"]
    assert row["value"] < 0.2, "an untrained decoder's ink is 0.5 and that of shapes a tenth: it has learnt that much"
    page = environment.shell("condbench report run --format my-reporter-2 --out -", tmp_path)
    assert "1 cells; ended: 1 ok" in page and "my-metric-2" in page


@pytest.mark.authors
@pytest.mark.parametrize("kind", plugin_new.KINDS)
def test_one_conforms(environment: Environment, distributions: Path, kind: str) -> None:
    said = environment.shell("pytest -q tests/test_conformance.py", distributions / NAMES[kind])
    assert " passed" in said


@pytest.mark.authors
@pytest.mark.parametrize("kind", plugin_new.KINDS)
def test_its_types_are_strict(environment: Environment, distributions: Path, kind: str) -> None:
    environment.shell("mypy --strict", distributions / NAMES[kind])


@pytest.mark.authors
def test_a_wrong_type_is_seen_through_the_published_types(environment: Environment, distributions: Path) -> None:
    """Planted: a sampler that returns no tensor, and a spec with a list where a frozenset belongs."""
    folder = distributions / NAMES["backbone"] / "src" / plugin_new._package(NAMES["backbone"])
    planted = {
        "backbone.py": (
            "        return images.view",
            "        return None, images.view",
            "Incompatible return value type",
        ),
        "register.py": ('frozenset({"gates", "norms"', 'list({"gates", "norms"', 'Argument "offers"'),
    }
    for file, (right, wrong, says) in planted.items():
        source = (folder / file).read_text()
        (folder / file).write_text(source.replace(right, wrong))
        try:
            with pytest.raises(AssertionError, match=says):
                environment.shell("mypy --strict", folder.parents[1])
        finally:
            (folder / file).write_text(source)


@pytest.mark.authors
@pytest.mark.parametrize("name", ["x", "condbench-" + "a" * 30])
def test_its_style_is_ruffs_and_condbenchs(tmp_path: Path, name: str) -> None:
    """Whatever the length of the name: lines are broken as the formatter would."""
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    lint = f"select={ours['select']}, ignore={ours['ignore']}, per-file-ignores={{'**/tests/**'=['D1']}}"
    rules = ["--config", f"lint={{{lint}}}", "--config", "line-length=120"]
    for kind in plugin_new.KINDS:
        words = {"name": name, "package": name.replace("-", "_"), "plugin": name.removeprefix("condbench-")}
        plugin_new.write(tmp_path / kind, kind, words)
    for command in (["check"], ["check", *rules], ["format", "--check"]):
        done = subprocess.run(["ruff", *command, "."], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


WORDS = st.from_regex(r"[a-z][a-z0-9]{0,6}(-[a-z0-9]{1,6}){1,3}", fullmatch=True)


@given(WORDS)
def test_a_distributions_name_gives_a_package_that_python_can_import(name: str) -> None:
    package = plugin_new._package(name)
    assert package.isidentifier() and package.replace("_", "-") == name


@given(st.text(st.sampled_from(string.ascii_letters + string.digits + "-_. /é"), max_size=45))
def test_another_name_is_refused_with_one_that_would_do(name: str) -> None:
    try:
        plugin_new._package(name)
    except UserError as refusal:
        mended = str(refusal).rpartition("e.g. ")[2].rstrip(".")
        assert mended != name
        assert plugin_new._NAME.fullmatch(mended)


MISTAKES = {
    "no distribution's name": (("My_Flow", "--kind", "backbone"), "e.g. my-flow."),
    "a kind that is none": (("my-flow", "--kind", "backbones"), "did you mean 'backbone'"),
    "a package that is there": (("numpy", "--kind", "metric"), "the package 'numpy' of 'numpy' is already at"),
    "a word of Python's": (("class", "--kind", "metric"), "is a word of Python's own"),
    "a plugin's name that is taken": (("condbench-flow", "--kind", "backbone"), "condbench has a backbone 'flow'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence_and_writes_nothing(condbench: Condbench, mistake: str) -> None:
    arguments, says = MISTAKES[mistake]
    condbench("plugin", "new", *arguments, code=2)
    assert says in condbench.err and condbench.err.count("\n") == 1
    assert list(condbench.cwd.iterdir()) == []


def test_what_is_there_is_left_alone(condbench: Condbench) -> None:
    (condbench.cwd / "mine").mkdir()
    condbench("plugin", "new", "my-flow", "--kind", "backbone", "--out", "mine", code=2)
    assert "'mine' exists already" in condbench.err
    assert list(condbench.cwd.rglob("*")) == [condbench.cwd / "mine"]


def test_nothing_stays_of_what_could_not_be_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str, encoding: str) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        plugin_new.write(tmp_path / "mine", "metric", {"name": "mine", "package": "mine", "plugin": "mine"})
    assert list(tmp_path.iterdir()) == []
