"""Plugins are switched off before they are imported, by option and by environment; strict ones must all be whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from condbench.discovery import WITHOUT
from condbench.errors import UserError
from tests.conftest import Condbench
from tests.plugins.conftest import BACKBONE, Site

LOUD = (
    BACKBONE + "import pathlib, sys\nwith pathlib.Path({path!r}).open('a') as file: file.write(sys.argv[0] + '\\n')\n"
)
"""A plugin that leaves a line in a file whenever it is imported."""


@pytest.mark.parametrize("listed", ["my-dist", "my-dist:plugin", " other, My.Dist ", "other,my_dist:plugin,"])
def test_one_that_is_off_is_not_imported(site: Site, monkeypatch: pytest.MonkeyPatch, listed: str) -> None:
    site.plant("my-dist", "raise AssertionError('imported')")
    site.plant("other", BACKBONE)
    monkeypatch.setenv(WITHOUT, listed)
    registry = site.registry()
    assert registry.plugins[0].state == "off" and WITHOUT in registry.plugins[0].error
    assert registry.plugins[1].state == ("off" if "other" in listed else "ok")
    with pytest.raises(UserError, match=r"'x' belongs to my-dist 1\.0, which is switched off"):
        registry.backbones.get("my-dist:x")
    with pytest.raises(UserError, match=r"unknown backbone 'x': .*Not in use: my-dist 1\.0, which is switched off"):
        registry.backbones.get("x")


def test_one_entry_point_of_two(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    source = BACKBONE + "import types\nempty = None\n"
    site.plant("two", source, entry_points="[condbench.v1]\nbad = two:empty\ngood = two\n")
    monkeypatch.setenv(WITHOUT, "two:bad")
    assert [plugin.state for plugin in site.registry().plugins] == ["off", "ok"]


@pytest.mark.parametrize(
    ("listed", "says"),
    [("my-dits", "did you mean 'my-dist'"), ("my-dist:plugni", "did you mean 'my-dist:plugin'"), ("my-dist,x", "'x'")],
)
def test_an_unknown_name_is_an_error(site: Site, monkeypatch: pytest.MonkeyPatch, listed: str, says: str) -> None:
    site.plant("my-dist", BACKBONE)
    monkeypatch.setenv(WITHOUT, listed)
    with pytest.raises(UserError, match=f"unknown plugin to switch off .*{WITHOUT}") as told:
        site.registry()
    assert says in str(told.value)


def test_the_option_and_the_environment_add_up(condbench: Condbench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two", "three"):
        condbench.plant(name, BACKBONE.replace("planted", name))
    monkeypatch.setenv(WITHOUT, "one")
    states = {p["distribution"]: p["state"] for p in condbench.json("--without-plugin", "two", "plugins")}
    assert states == {"condbench": "ok", "one": "off", "two": "off", "three": "ok"}
    condbench("--without-plugin", "thre", "run", "--all", "--dry-run", code=2)
    assert "did you mean 'three'" in condbench.err and condbench.err.count("\n") == 1


def test_cells_do_not_import_it_either(condbench: Condbench, tiny_suite) -> None:
    record = condbench.cwd / "imports"
    condbench.plant("loud", LOUD.format(path=str(record)))
    arguments = ("run", "--suite", tiny_suite(), "-b", "vae", "-c", "none")
    condbench("--without-plugin", "loud", *arguments)
    assert not record.exists()
    condbench("run", "--resume", str(next(Path(condbench.cwd, "runs").iterdir())), "--dry-run")
    assert record.exists(), "this test sees an import"


def test_strict_is_an_option_and_a_variable(condbench: Condbench, monkeypatch: pytest.MonkeyPatch) -> None:
    condbench.plant("broken", "import no_such_module")
    condbench.plant("sound", BACKBONE)
    assert "no_such_module" in condbench("--strict-plugins", "plugins", code=2), "they are shown all the same"
    assert "a plugin is broken" in condbench.err and "broken 1.0: ModuleNotFoundError" in condbench.err
    condbench("--strict-plugins", "--without-plugin", "broken", "plugins")
    monkeypatch.setenv("CONDBENCH_STRICT_PLUGINS", "1")
    condbench("run", "--all", "--dry-run", code=2)
    assert "a plugin is broken" in condbench.err
    monkeypatch.setenv("CONDBENCH_STRICT_PLUGINS", "0")
    condbench("plugins")
