"""What this machine is, found without torch: it becomes part of a plan before any cell's process starts."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from functools import cache
from pathlib import Path

import psutil

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


def processor() -> str:
    """The processor's name."""
    return _cpu_info().get("model name") or platform.processor() or platform.machine()


def has_bf16(device: str) -> bool:
    """Whether bfloat16 matrix products are done in hardware, so that they pay."""
    if device != "cpu":
        return True
    return bool({"avx512_bf16", "amx_bf16"} & set(_cpu_info().get("flags", "").split()))


def best_precision(device: str) -> Precision:
    """The precision that trains fastest here."""
    return "bf16" if has_bf16(device) else "fp32"


def best_device() -> str:
    """ "cuda" where a GPU answers, else "cpu"."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return "cpu"
    answer = subprocess.run([tool, "-L"], capture_output=True, text=True, check=False)
    return "cuda" if answer.returncode == 0 and answer.stdout.startswith("GPU ") else "cpu"


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
