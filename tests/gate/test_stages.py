"""The stages of a check, with real cells of a planted backbone whose source is changed between two checks.

It learns the mean image of each label and samples it under noise: seconds per cell, and digits that a judge reads.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from condbench.gate import stages
from condbench.gate.decision import Errors
from condbench.gate.frozen import Look
from condbench.gate.judging import Judgement
from tests.conftest import Condbench

REGISTER = """
from condbench import hookimpl
from condbench.specs import BackboneSpec

@hookimpl
def condbench_register_backbones():
    yield BackboneSpec(name="means", target="means_model:build", summary="the mean image of each label, under noise")
"""

MODEL = """
import torch
from condbench.model import Model

class Means(Model):
    batch_size = 128

    def __init__(self):
        super().__init__()
        self.table = torch.nn.Parameter(torch.zeros(10, 1, 28, 28))

    def optimizers(self, phase):
        return [torch.optim.Adam(self.parameters(), lr=0.05)]

    def loss(self, phase, x, u):
        return (self.table[u.parts[0]] - x).square().mean()

    def sample(self, u, generator):
        noise = torch.randn(len(u), 1, 28, 28, generator=generator)
        return (self.table[u.parts[0]] + 0.1 * noise).clamp(-1, 1)

def build(task, wrap, options):
    return Means()
"""

SUITE = """
name = "means"
backbones = ["means"]
conditioners = ["none"]
budget = "samples=8000"
samples = 200
seeds = 2
metrics = ["fid", "label_accuracy"]
timeout_seconds = 300
"""


@pytest.fixture(scope="module")
def condbench(condbench_session: Callable[[str], Condbench]) -> Condbench:
    """A command line beside two trained seeds, and a baseline of them with frozen weights."""
    condbench = condbench_session("stages")
    condbench.plant("means", REGISTER)
    write(condbench, MODEL)
    (condbench.cwd / "means.toml").write_text(SUITE)
    condbench("run", "--suite", "means.toml", "--out", "base", "--jobs", "2")
    condbench("baseline", "record", "base", "--out", "b.json", "--seeds-at-least", "2", "--with-checkpoints", "weights")
    return condbench


def write(condbench: Condbench, source: str) -> None:
    (condbench.planted[-1] / "means_model.py").write_text(source)


def check(condbench: Condbench, code: int, *more: str) -> dict[str, object]:
    found = condbench.json("check", "--baseline", "b.json", *more, code=code)
    assert isinstance(found, dict)
    return found


def settled(found: dict[str, object]) -> set[tuple[str, str]]:
    return {(one["result"], one["stage"]) for one in found["findings"]}  # type: ignore[attr-defined]


def test_seeds_have_their_share_of_the_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The whole of it again would be more than a check may err."""
    had: list[Errors] = []
    judgement = Judgement()
    monkeypatch.setattr(judgement, "findings", lambda errors: had.append(errors) or [])
    monkeypatch.setattr(stages, "look", lambda *_: Look())
    monkeypatch.setattr(stages, "retrain", lambda *_: (judgement, []))
    cell = SimpleNamespace(name="c", identity="c", frozen=None)
    planned = SimpleNamespace(findings=[], notes=(), todo=[cell], baseline=None, now={"c": None}, changed=())
    workshop = SimpleNamespace(run=SimpleNamespace(path=tmp_path))
    stages.check_anew(planned, tmp_path / "b.json", lambda _: workshop, lambda _: None)  # type: ignore[arg-type,return-value]
    assert had == [stages.TRAINED]


def test_where_nothing_changed_nothing_is_trained(condbench: Condbench) -> None:
    assert settled(check(condbench, 0, "--strict")) == {("pass", "provenance")}
    assert not (condbench.cwd / "runs").exists()


def test_a_run_of_its_own_is_the_same_to_the_bit(condbench: Condbench) -> None:
    assert settled(check(condbench, 0, "base")) == {("pass", "same samples")}


def test_the_weights_lie_beside_the_baseline(condbench: Condbench) -> None:
    (cell,) = json.loads((condbench.cwd / "b.json").read_text())["cells"]
    assert cell["frozen"]["file"] == "weights/mnist10k.means.none.safetensors"
    assert len({draw["samples"] for draw in cell["frozen"]["draws"]}) == 10, "each draw has its own noise"
    assert all(draw["values"]["label_accuracy"] > 0.2 for draw in cell["frozen"]["draws"]), "better than chance"


def test_a_change_that_changes_nothing_costs_one_seed(condbench: Condbench) -> None:
    write(condbench, MODEL + "\n# a comment\n")
    found = check(condbench, 0, "--out", "comment")
    assert settled(found) == {("pass", "same samples")}
    assert len((condbench.cwd / "comment/plan.jsonl").read_text().splitlines()) == 1
    assert any("distributions.means.digest was" in line for line in found["changed"])  # type: ignore[attr-defined]
    assert not found["notes"], "frozen weights gave the same samples"


def test_a_worse_sampler_is_caught_without_training(condbench: Condbench) -> None:
    write(condbench, MODEL.replace("0.1 * noise", "0.6 * noise"))
    found = check(condbench, 1, "--out", "sampler")
    assert ("regressed", "frozen weights") in settled(found)
    assert not (condbench.cwd / "sampler").exists(), "nothing was trained"


def test_worse_training_is_caught_by_seeds(condbench: Condbench) -> None:
    """Learning hardly at all: three seeds of a run are enough to see that."""
    write(condbench, MODEL.replace("lr=0.05", "lr=0.001"))
    condbench("run", "--suite", "means.toml", "--seeds", "3", "--out", "training", "--jobs", "2")
    assert ("regressed", "seeds") in settled(check(condbench, 1, "training"))


def test_weights_that_were_exchanged_are_refused(condbench: Condbench) -> None:
    write(condbench, MODEL + "\n# another comment\n")
    weights = condbench.cwd / "weights/mnist10k.means.none.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-4] + b"\x00\x00\x80\x3f")
    condbench("check", "--baseline", "b.json", code=4)
    assert "are not those that the baseline was recorded with" in condbench.err
    weights.write_bytes(whole)


def test_a_plugin_that_is_gone_is_not_comparable(condbench: Condbench) -> None:
    gone = condbench.planted.pop()
    found = check(condbench, 4)
    condbench.planted.append(gone)
    assert settled(found) == {("not comparable", "")}
    assert "unknown backbone" in str(found["findings"])


def test_a_suite_chooses_the_cells(condbench: Condbench, tmp_path: Path) -> None:
    write(condbench, MODEL)
    assert settled(check(condbench, 0, "--suite", "means.toml")) == {("pass", "provenance")}
    (tmp_path / "longer.toml").write_text(SUITE.replace("8000", "9000"))
    found = check(condbench, 4, "--suite", str(tmp_path / "longer.toml"))
    assert "the budgets differ: samples=8000 in the baseline, samples=9000 now" in str(found["findings"])
    (tmp_path / "other.toml").write_text(SUITE.replace('"means"]', '"vae"]'))
    condbench("check", "--baseline", "b.json", "--suite", str(tmp_path / "other.toml"), code=4)
    assert "has no cell that the baseline has" in condbench.err
