"""kill -9 of the driver in the middle, then --resume: nothing is lost, nothing is repeated, the same bits come out."""

import hashlib
import json
import time
from pathlib import Path

import psutil
import pytest

from condbench.store import Run
from tests.conftest import Condbench

CELLS = ("-b", "vae,gan", "-c", "film,none", "--budget", "samples=3000")


def digests(run: Run) -> dict[str, str]:
    """What each cell computed, to the bit."""
    files = ("model.safetensors", "samples.npz")
    return {
        f"{planned.name}/{file}": hashlib.sha256((run.cell_path(planned.name) / file).read_bytes()).hexdigest()
        for planned in run.plan
        for file in files
    }


def finished(path: Path) -> list[Path]:
    return sorted(path.glob("cells/*/result.json"))


def test_a_killed_driver_resumes_to_the_same_bits(condbench: Condbench, tiny_suite) -> None:
    suite = tiny_suite()
    condbench("run", "--suite", suite, *CELLS, "--out", "whole")

    driver = condbench.popen("run", "--suite", suite, *CELLS, "--out", "killed")
    killed = condbench.cwd / "killed"
    deadline = time.monotonic() + 120
    while len(finished(killed)) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    children = psutil.Process(driver.pid).children(recursive=True)
    driver.kill()
    driver.communicate()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive, "a cell outlived its driver"
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in finished(killed)}
    assert 2 <= len(before) < 4

    condbench("run", "--resume", "killed")
    assert len(finished(killed)) == 4
    for path, (mtime, content) in before.items():
        assert (path.stat().st_mtime_ns, path.read_bytes()) == (mtime, content), "a finished cell was touched"
    assert digests(Run(killed)) == digests(Run(condbench.cwd / "whole"))


def test_a_changed_environment_runs_cells_again(condbench: Condbench, tiny_suite) -> None:
    condbench("run", "--suite", tiny_suite(), "-b", "vae", "-c", "none", "--out", "r")
    condbench("run", "--resume", "r")
    assert "runs again" not in condbench.err
    path = condbench.cwd / "r/cells/mnist10k.vae.none.s0/result.json"
    stored = json.loads(path.read_text())
    stored["provenance"]["libraries"]["torch"] = "1.0"
    path.write_text(json.dumps(stored))
    out = condbench("why", "mnist10k.vae.none.s0", "--run", "r")
    assert "changed: libraries.torch was 1.0, is " in out
    condbench("run", "--resume", "r")
    assert "mnist10k.vae.none.s0 runs again: what it depends on has changed" in condbench.err
    assert "nothing that it depends on has changed" in condbench("why", str(path.parent))


def test_two_drivers_cannot_share_a_run(condbench: Condbench, tiny_suite) -> None:
    from filelock import FileLock

    condbench("run", "--suite", tiny_suite(), "-b", "vae", "-c", "none", "--out", "r")
    path = condbench.cwd / "r/cells/mnist10k.vae.none.s0/result.json"
    path.write_text(path.read_text().replace('"torch": "', '"torch": "0.'))  # stale: a resume would run it again
    before = path.read_bytes()
    with FileLock(condbench.cwd / "r/.lock"):
        condbench("run", "--resume", "r", code=2)
    assert "another condbench is at work" in condbench.err
    assert path.read_bytes() == before, "a resume touched a run before it held the lock"
    condbench("run", "--resume", "r", "--dry-run")
    assert path.read_bytes() == before and "mnist10k.vae.none.s0" in condbench.out


@pytest.mark.parametrize("option", [("--budget", "flops=1e9"), ("-b", "flow"), ("--suite", "smoke"), ("--seeds", "2")])
def test_a_resume_takes_no_new_wishes(condbench: Condbench, option: tuple[str, str]) -> None:
    condbench("run", "--resume", "r", *option, code=2)
    assert f"leave out {option[0]}" in condbench.err
