"""Two distributions with one name: an error on use that names both, and ``distribution:name`` everywhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from condbench import provenance
from condbench.discovery import discover
from condbench.errors import UserError
from condbench.matrix import plan, select_metrics
from condbench.registry import Registry
from condbench.results import labels
from condbench.suite import changed, load_suite
from tests.conftest import Condbench
from tests.made_runs import Make, choice, planned, result, rows
from tests.plugins.conftest import Site

SHARED = """
from condbench import hookimpl
from condbench.specs import BackboneSpec, ConditionerSpec, DatasetSpec, EncoderSpec, MetricSpec
from pydantic import BaseModel, ConfigDict

class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")
    width: int = 8

def digest(root):
    return __name__

@hookimpl
def condbench_register_backbones():
    yield BackboneSpec("twin", __name__ + ":build", "a twin", options=__name__ + ":Options")

@hookimpl
def condbench_register_conditioners():
    yield ConditionerSpec("twin", __name__ + ":make", "a twin", options=__name__ + ":Options")

@hookimpl
def condbench_register_encoders():
    yield EncoderSpec("twin", __name__ + ":make", "a twin", encodes="class")

@hookimpl
def condbench_register_datasets():
    yield DatasetSpec("twin", __name__ + ":load", __name__ + ":digest", "a twin")

@hookimpl
def condbench_register_metrics():
    yield MetricSpec("twin", __name__ + ":measure", "a twin", unit="", better="lower", by_default=False)
"""


@pytest.fixture
def twins(site: Site) -> Registry:
    """One and two, beside what is built in."""
    site.plant("one", SHARED)
    site.plant("two", SHARED)
    return Registry(discover())


def suite(**changes: object):
    named = {"backbones": ["flow"], "conditioners": ["film"], "encoders": ["condbench:table"]}
    return changed(load_suite("smoke"), named | changes)


@pytest.mark.parametrize("kind", ["backbone", "conditioner", "encoder", "dataset", "metric"])
def test_a_name_that_says_too_little_names_both(twins: Registry, kind: str) -> None:
    catalogue = twins.catalogues[f"{kind}s"]
    with pytest.raises(UserError, match="'twin' is in 2 distributions; say which: one:twin or two:twin"):
        catalogue.get("twin")
    for whose in ("one", "two"):
        assert catalogue.get(f"{whose}:twin").plugin.distribution == whose


def test_cells_of_both_do_not_collide(twins: Registry) -> None:
    cells = plan(
        suite(
            datasets=["one:twin", "two:twin"],
            backbones=["one:twin[width=3]", "two:twin[width=3]", "two:twin"],
            conditioners=["one:twin", "two:twin[width=5]"],
        ),
        twins,
        None,
    )
    assert len(cells) == 12
    assert len({cell.name for cell in cells}) == 12, "each has a folder of its own"
    assert len({provenance.seed(cell.cell, "train") for cell in cells}) == 12
    assert len({cell.provenance.model_dump_json() for cell in cells}) == 12
    assert {cell.provenance.data for cell in cells} == {"one", "two"}
    assert set(labels(cell.cell.backbone for cell in cells).values()) == {
        "one:twin[width=3]", "two:twin[width=3]", "twin",
    }  # fmt: skip


def test_metrics_and_encoders_in_a_suite(twins: Registry) -> None:
    (cell,) = plan(suite(metrics=["two:twin", "fid"], encoders=["one:twin"]), twins, None)
    assert cell.provenance.settings.metrics == ("two:twin", "condbench:fid")
    assert cell.provenance.settings.encoders == ("one:twin",)
    assert cell.provenance.distributions.keys() == {"condbench (harness)", "condbench", "one", "two"}


def test_two_metrics_of_one_name_cannot_share_a_table(twins: Registry) -> None:
    with pytest.raises(UserError, match="the metric two:twin has the same name as one of one"):
        select_metrics(["one:twin", "two:twin"], twins)


def test_a_distribution_is_called_as_indices_call_it(site: Site) -> None:
    site.plant("My_Dist", SHARED)
    registry = site.registry()
    assert registry.metrics.get("my-dist:twin") is registry.metrics.get("my.dist:twin")


def test_a_distribution_that_is_not_there(twins: Registry) -> None:
    with pytest.raises(UserError, match=r"unknown backbone 'three:twin': .*No distribution 'three' with a plugin"):
        twins.backbones.get("three:twin")
    with pytest.raises(UserError, match="did you mean 'one:twin'"):
        twins.backbones.get("one:twni")


def test_the_exported_table_tells_them_apart(make_run: Make) -> None:
    theirs = choice("flow").model_copy(update={"distribution": "acme"})
    cells = [planned(one, "film") for one in (choice("flow"), theirs)]
    cells[1] = cells[1].model_copy(update={"name": "mnist10k.acme~flow.film.s0"})
    table = make_run(cells, [result(cell, rows(1.0, 0.5, 9.0)) for cell in cells]).table()
    assert set(table.backbone) == {"condbench:flow", "acme:flow"}
    assert set(table.conditioner) == {"film"}


def test_on_the_command_line(condbench: Condbench, tiny_suite) -> None:
    condbench.plant("one", SHARED)
    condbench.plant("two", SHARED)
    path = Path(tiny_suite())
    path.write_text(path.read_text() + 'backbones = ["two:twin[width=5]", "one:twin"]\nencoders = ["table"]\n')
    out = condbench("run", "--suite", str(path), "-c", "film", "--dry-run")
    assert [line.split("\t")[2] for line in out.splitlines()] == ["twin[width=5]", "twin"]
    out = condbench("run", "--suite", str(path), "-b", "two:twin,one:twin", "-c", "film", "--dry-run")
    assert [line.split("\t")[2] for line in out.splitlines()] == ["two:twin", "one:twin"]
    condbench("run", "-b", "twin", "-c", "film", "--dry-run", code=2)
    assert "one:twin or two:twin" in condbench.err
    assert len(json.loads(condbench("list", "twin", "--json"))) == 10, "both, of every kind"
    assert len(json.loads(condbench("list", "one:twin", "--json"))) == 5
