"""What this machine is, found without torch: it becomes part of a plan before any cell's process starts."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import psutil

from condbench.errors import UserError
from condbench.results import Machine, Precision


@cache
def _cpu_info() -> dict[str, str]:
    """The first processor's lines of Linux's /proc/cpuinfo; empty elsewhere."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text().split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def processor(device: str = "cpu") -> str:
    """The name of the processor, or of the GPU that ``device`` is.

    Raises:
        UserError: if there is no such GPU, e.g. for a baseline or a run that was made with one.
    """
    if device != "cpu":
        return gpus()[_index(choose_device(device))].name
    return _cpu_info().get("model name") or platform.processor() or platform.machine()


def best_precision(device: str) -> Precision:
    """The precision that trains fastest here: bf16 where the hardware multiplies it."""
    if device == "cpu":
        fast = bool({"avx512_bf16", "amx_bf16"} & set(_cpu_info().get("flags", "").split()))
    else:
        fast = gpus()[_index(device)].capability >= 8.0
    return "bf16" if fast else "fp32"


def choose_device(wanted: str) -> str:
    """``wanted`` (cpu, cuda or cuda:N) if this machine has it; for "auto" a GPU where there is one, else the CPU.

    Raises:
        UserError: if there is no such GPU.
    """
    if wanted == "cpu":
        return wanted
    count = len(gpus())
    if wanted == "auto":
        return "cuda" if count else "cpu"
    if _index(wanted) >= count:
        raise UserError(f"the device '{wanted}' is not there ({count} GPUs are usable): use --device cpu or auto.")
    return wanted


def _index(device: str) -> int:
    return int(device.partition(":")[2] or 0)


@dataclass(frozen=True)
class Gpu:
    """A GPU's name and its compute capability, e.g. 8.0."""

    name: str
    capability: float


@cache
def gpus() -> list[Gpu]:
    """The GPUs that torch could use, found without importing it."""
    tool = shutil.which("nvidia-smi")
    if tool is None or os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1") or version("torch").endswith("+cpu"):
        return []
    query = [tool, "--query-gpu=name,compute_cap", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return []
    pairs = (line.rpartition(",") for line in answer.stdout.splitlines() if line.strip())
    return [Gpu(name.strip(), float(capability)) for name, _, capability in pairs]


def available_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe() -> Machine:
    """This machine."""
    return Machine(
        platform=platform.platform(),
        processor=processor(),
        cores=available_cores(),
        memory_bytes=psutil.virtual_memory().total,
        python=platform.python_version(),
    )
