"""A broken plugin is quarantined whole, and everything else works."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from condbench.errors import UserError
from condbench.registry import installed
from tests.conftest import Condbench

GOOD = """
from condbench import hookimpl
from condbench.specs import BackboneSpec

@hookimpl
def condbench_register_backbones():
    yield BackboneSpec(name="planted", target="nowhere:build", summary="a planted backbone")
"""

FAULTS = {
    "import": ("import no_such_module", "ModuleNotFoundError"),
    "exit": ("raise SystemExit(3)", "SystemExit"),
    "misspelt hook": (
        GOOD + "\n@hookimpl\ndef condbench_register_backbone():\n    return []\n",
        "condbench_register_backbones",
    ),
    "signature": (GOOD + "\n@hookimpl\ndef condbench_register_metrics(everything):\n    return []\n", "everything"),
    "not a spec": (GOOD + "\n@hookimpl\ndef condbench_register_metrics():\n    return ['fid']\n", "not a MetricSpec"),
    "a subclass": (
        GOOD.replace("@hookimpl", "class Mine(BackboneSpec):\n    pass\n\n@hookimpl").replace(
            "yield BackboneSpec", "yield Mine"
        ),
        "not a BackboneSpec",
    ),
    "no set": (GOOD.replace('summary="', 'offers="score", summary="'), "frozenset"),
    "no text": (GOOD.replace('summary="a planted backbone"', "summary=None"), "must be text"),
    "bad name": (GOOD.replace('"planted"', '"Planted One"'), "lower-case"),
    "bad target": (GOOD.replace("nowhere:build", "nowhere.build"), "package.module:attribute"),
    "raises": (GOOD + "\n@hookimpl\ndef condbench_register_metrics():\n    raise ValueError('oh no')\n", "oh no"),
    "twice": (GOOD + "    yield BackboneSpec(name='planted', target='a:b', summary='')\n", "twice"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_plugin_is_quarantined_and_named(condbench: Condbench, fault: str) -> None:
    source, says = FAULTS[fault]
    condbench.plant("broken", source)
    condbench.plant("healthy", GOOD.replace('"planted"', '"healthy"'))
    states = {plugin["distribution"]: plugin for plugin in condbench.json("plugins")}
    assert states["broken"]["state"] == "quarantined"
    assert says in states["broken"]["error"]
    listed = {row["name"] for row in condbench.json("list", "backbones")["backbones"]}
    assert "healthy" in listed and "flow" in listed and "planted" not in listed
    condbench("run", "-b", "planted", "-c", "film", "--dry-run", code=2)
    assert "broken is quarantined" in condbench.err and says in condbench.err


def test_two_plugins_with_one_name_are_an_error_on_use(condbench: Condbench) -> None:
    condbench.plant("one", GOOD)
    condbench.plant("two", GOOD)
    condbench("run", "-b", "flow", "-c", "film", "--dry-run")
    condbench("run", "-b", "planted", "-c", "film", "--dry-run", code=2)
    assert "one:planted or two:planted" in condbench.err
    out = condbench("run", "-b", "two:planted", "-c", "film", "--dry-run")
    assert "two~planted" in out


def test_two_encoders_for_one_kind_are_a_choice(condbench: Condbench, tiny_suite) -> None:
    condbench.plant(
        "other",
        "from condbench import hookimpl\n"
        "from condbench.specs import EncoderSpec\n"
        "@hookimpl\n"
        "def condbench_register_encoders():\n"
        "    yield EncoderSpec(name='lookup', target='a:b', summary='', encodes='class')\n",
    )
    condbench("run", "--all", "--dry-run")
    suite = tiny_suite()
    condbench("run", "--suite", suite, "-b", "vae", "--dry-run", code=2)
    assert "choose condbench:table or other:lookup" in condbench.err
    Path(suite).write_text(Path(suite).read_text() + 'encoders = ["lookup"]\n')
    cells = condbench.json("run", "--suite", suite, "-b", "vae", "-c", "film", "--dry-run")
    assert cells[0]["provenance"]["settings"]["encoders"] == ["other:lookup"]


def test_what_a_plugin_prints_stays_off_standard_output(condbench: Condbench) -> None:
    condbench.plant("chatty", "print('hello from a plugin')\n" + GOOD)
    assert "planted" in {row["name"] for row in condbench.json("list", "backbones")["backbones"]}
    assert "hello from a plugin" in condbench.err


def test_one_module_behind_two_entry_points_stays_registered_once(condbench: Condbench) -> None:
    condbench.plant("twice", GOOD)
    entry_points = next(condbench.planted[-1].glob("*.dist-info")) / "entry_points.txt"
    entry_points.write_text("[condbench.v1]\nfirst = twice\nsecond = twice\n")
    states = [p["state"] for p in condbench.json("plugins") if p["distribution"] == "twice"]
    assert states == ["active", "quarantined"]
    assert "planted" in {row["name"] for row in condbench.json("list", "backbones")["backbones"]}


def test_two_metrics_of_one_name_are_a_choice(condbench: Condbench) -> None:
    condbench.plant(
        "judges",
        "from condbench import hookimpl\n"
        "from condbench.specs import MetricSpec\n"
        "@hookimpl\n"
        "def condbench_register_metrics():\n"
        "    yield MetricSpec(name='parameters', target='a:b', summary='', unit='', better='lower')\n",
    )
    condbench("run", "--suite", "smoke", "-b", "vae", "--dry-run", code=2)
    assert "judges:parameters has the same name as one of the harness" in condbench.err


def test_discovery_is_sorted(condbench: Condbench) -> None:
    for name in ("zebra", "alpha"):
        condbench.plant(name, GOOD.replace('"planted"', f'"{name}"'))
    names = [plugin["distribution"] for plugin in condbench.json("plugins")]
    assert names == sorted(names)


def test_unknown_names_are_answered_with_the_closest() -> None:
    with pytest.raises(UserError, match="did you mean 'film'"):
        installed().conditioners.get("fillm")


def test_listing_and_planning_import_no_torch() -> None:
    code = (
        "import sys\n"
        "from condbench.registry import installed\n"
        "from condbench.suite import load_suite\n"
        "from condbench.matrix import plan\n"
        "import condbench.cli, condbench.campaign\n"
        "cells = plan(load_suite('quick'), installed(), None)\n"
        "print(len(cells) >= 120, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


def test_an_observer_that_raises_costs_a_warning_only(condbench: Condbench, tiny_suite) -> None:
    condbench.plant(
        "watcher",
        "from condbench import hookimpl\n"
        "@hookimpl\n"
        "def condbench_cell_finished(event):\n"
        "    raise RuntimeError('I saw ' + event.result.name)\n",
    )
    out = json.loads(condbench("run", "--suite", tiny_suite(), "-b", "vae", "-c", "none", "--json"))
    assert [cell["state"] for cell in out["cells"]] == ["ok"]
    assert "watcher raised in condbench_cell_finished: RuntimeError: I saw mnist10k.vae.none.s0" in condbench.err
