"""The registry: what is listed, in which order, and what is chosen; `tests/plugins` has what goes wrong."""

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
