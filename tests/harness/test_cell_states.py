"""Every way for a cell to end is a state with its reason; the others go on, and the exit code says so."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from condbench.cell import _live_guarded
from condbench.executors import local
from condbench.store import Run
from tests.conftest import Condbench

REGISTER = """
from condbench import hookimpl
from condbench.specs import BackboneSpec

@hookimpl
def condbench_register_backbones():
    for how in ("raises", "diverges", "hangs", "hoards", "dies", "lingers", "explodes", "chatters"):
        yield BackboneSpec(name=how, target="unruly_models:" + how, summary="it " + how)
"""

MODELS = """
import os, signal, subprocess, sys, threading, time
import torch
from condbench.model import Model

class Unruly(Model):
    def __init__(self, how):
        super().__init__()
        self.how, self.weight, self.begun = how, torch.nn.Parameter(torch.zeros(())), False

    def loss(self, phase, x, u):
        if self.how == "raises":
            raise ValueError("a model's own mistake")
        if self.how == "diverges":
            return self.weight * float("nan")
        if self.how == "hangs":
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)  # a grandchild"])
            time.sleep(600)
        if self.how == "hoards":
            self.hoard = [bytearray(os.urandom(1) * 2**28) for _ in range(40)]
        if self.how == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "lingers" and not self.begun:  # a thread that is no daemon outlives the result, a child the cell
            self.begun = True
            threading.Thread(target=time.sleep, args=(600,)).start()
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)  # a grandchild"])
        if self.how == "chatters":
            print("a model that prints")
        return self.weight.square() + (x.mean() * 0)

    def sample(self, u, generator):
        if self.how == "explodes":
            return torch.full((len(u), 1, 28, 28), float("nan"))
        return torch.rand(len(u), 1, 28, 28, generator=generator) * 2 - 1

def __getattr__(how):
    return lambda task, wrap, options: Unruly(how)
"""


def unruly(condbench: Condbench) -> None:
    condbench.plant("unruly", REGISTER)
    (condbench.planted[-1] / "unruly_models.py").write_text(MODELS)


def test_each_end_is_a_state_with_its_reason(condbench: Condbench, tiny_suite) -> None:
    unruly(condbench)
    suite = tiny_suite(budget="samples=2000", timeout=20, memory=1.5)
    names = "raises,diverges,hangs,hoards,dies,lingers,explodes,chatters"
    out = json.loads(
        condbench("run", "--suite", suite, "-b", names, "-c", "none,adain", "--jobs", "2", "--json", code=3)
    )
    ends = {cell["name"].removeprefix("mnist10k."): (cell["state"], cell["reason"]) for cell in out["cells"]}
    assert len(ends) == 16
    assert ends["raises.none.s0"] == ("failed", "ValueError: a model's own mistake")
    state, reason = ends["diverges.none.s0"]
    assert state == "diverged" and "loss of phase 'train' is nan" in reason
    state, reason = ends["hangs.none.s0"]
    assert state == "timeout" and "wall-clock limit" in reason
    assert ends["lingers.none.s0"][0] == "ok", "its result was written before its thread was killed"
    assert ends["explodes.none.s0"] == ("diverged", "100 of 100 samples are not finite")
    assert not [p for p in psutil.process_iter(["cmdline"]) if "# a grandchild" in " ".join(p.info["cmdline"] or [])]
    state, reason = ends["hoards.none.s0"]
    assert state == "out-of-memory" and "limit 1.5 GiB" in reason
    state, reason = ends["dies.none.s0"]
    assert state == "lost" and "SIGKILL" in reason
    assert ends["chatters.none.s0"] == ("ok", "")
    state, reason = ends["chatters.adain.s0"]
    assert state == "skipped" and "positions that a site may mix" in reason

    run = Run(condbench.cwd / out["run"])
    assert "ValueError: a model's own mistake" in (run.cell_path("mnist10k.raises.none.s0") / "log.txt").read_text()
    table = run.table()
    assert set(table.cell) == {planned.name for planned in run.plan}, "a cell vanished from the table"
    report = Path(condbench.cwd / out["report"]).read_text()
    for planned in run.plan:
        assert planned.cell.backbone.name in report
    assert "a model&#39;s own mistake" in report

    condbench("run", "--resume", str(run.path), "--retry", "failed", "--json", code=3)
    assert "mnist10k.raises.none.s0 runs again: it was failed" in condbench.err
    assert "mnist10k.dies.none.s0 runs again" not in condbench.err


def test_a_model_that_ends_its_process_is_a_failure_with_that_reason(capsys: pytest.CaptureFixture[str]) -> None:
    """Rather than a lost cell whose log says nothing."""

    def live() -> None:
        raise SystemExit("enough")

    life = SimpleNamespace(live=live, end=lambda state, reason: (state, reason))
    assert _live_guarded(life) == ("failed", "SystemExit: enough")  # type: ignore[arg-type, comparison-overlap]
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(("looks", "killed"), [([8, 2], False), ([8, 8], True)])
def test_a_child_that_still_shares_its_parents_memory_is_no_excess(looks, killed, monkeypatch) -> None:
    """Between vfork and exec a child's resident set is its parent's, for a moment."""
    process = local._Process.__new__(local._Process)
    process.state, process.start = None, time.monotonic()
    process.settings = SimpleNamespace(timeout_seconds=60, memory_bytes=5)
    monkeypatch.setattr(process, "_held", lambda: looks.pop(0), raising=False)
    monkeypatch.setattr(process, "_kill", lambda state, reason: setattr(process, "state", state), raising=False)
    process._enforce_limits()
    assert process.state == ("out-of-memory" if killed else None)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_interrupting_leaves_no_process_and_a_run_to_resume(condbench: Condbench, tiny_suite, how) -> None:
    unruly(condbench)
    process = condbench.popen("run", "--suite", tiny_suite(), "-b", "hangs", "-c", "none", "--out", "r")
    deadline = time.monotonic() + 60
    while not (condbench.cwd / "r/cells/mnist10k.hangs.none.s0/log.txt").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    children: list[psutil.Process] = []
    while len(children) < 2 and time.monotonic() < deadline:  # the cell, which hangs, and its own child
        time.sleep(0.1)
        children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(how)
    _, err = process.communicate(timeout=30)
    if how == signal.SIGTERM:
        assert process.returncode == 130 and "condbench run --resume r" in err
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    assert Run(condbench.cwd / "r").results() == []


def test_a_cell_does_not_file_its_result_under_other_sources_or_data(condbench: Condbench) -> None:
    """The plan's digests are what a result says that it comes from; a cell compares them with what it finds."""
    condbench("run", "--suite", "smoke", "-b", "vae", "-c", "film", "--budget", "samples=300", "--out", "run")
    plan = condbench.cwd / "run" / "plan.jsonl"
    line = json.loads(plan.read_text())
    command = [sys.executable, "-m", "condbench.cell", "run", line["name"]]
    sources, data = json.loads(json.dumps(line)), json.loads(json.dumps(line))
    sources["provenance"]["distributions"]["condbench (harness)"]["digest"] = "0" * 64
    data["provenance"]["data"] = "0" * 64
    for changed, what in ((sources, "condbench (harness)"), (data, "the data of 'mnist10k'")):
        plan.write_text(json.dumps(changed) + "\n")
        subprocess.run(command, cwd=condbench.cwd, env=condbench.environment, check=True, capture_output=True)
        (result,) = Run(condbench.cwd / "run").results()
        assert result.state == "failed"
        assert f"{what} have changed since the cell was planned" in result.reason
