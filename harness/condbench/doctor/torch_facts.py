"""What only torch can tell of this machine, asked in a process of its own, so that the driver stays without it."""

from __future__ import annotations

import subprocess
import sys

from pydantic import ValidationError

from condbench.results import Record

_PATIENCE = 180.0  # seconds; the first import after an installation reads a gigabyte


class Gpu(Record):
    """A GPU that torch can use: its name, and its memory in bytes."""

    name: str
    memory: int


class TorchFacts(Record):
    """``cuda`` is the version that torch is built for, empty for none; the errors are empty where all is well."""

    cuda: str = ""
    gpus: tuple[Gpu, ...] = ()
    mps: bool = False
    threads: int = 0
    error: str = ""
    torchvision_error: str = ""


def ask_torch() -> TorchFacts:
    """Import torch and torchvision elsewhere, and look; that they cannot be imported is a fact, too."""
    command = [sys.executable, "-m", "condbench.doctor.torch_probe"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return TorchFacts(error=f"no answer after {_PATIENCE:.0f} s")
    try:
        return TorchFacts.model_validate_json((done.stdout.splitlines() or [""])[-1])
    except ValidationError:  # the process did not come to its last line
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return TorchFacts(error=f"the process that imports it ended with exit code {done.returncode}: {last}")
