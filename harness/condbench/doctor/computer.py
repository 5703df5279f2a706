"""The machine: what cells can be trained on, with how many threads, in which precision, and in how much memory."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psutil

from condbench import machine
from condbench.doctor.finding import Finding
from condbench.doctor.torch_facts import TorchFacts
from condbench.executors.local import THREAD_VARIABLES
from condbench.suite import Suite

_SECTION = "machine"
_REINSTALL = "install torch and torchvision anew, together, as https://pytorch.org/get-started says for this machine"


def examine_computer(facts: TorchFacts) -> Iterator[Finding]:
    """Compare what the driver sees of this machine, without torch, with what torch can use."""
    yield from _torch(facts)
    yield from _gpus(facts)
    mps = "there, but condbench trains on a processor or with CUDA" if facts.mps else "no Apple GPU"
    yield Finding(_SECTION, "mps", "ok" if facts.mps else "absent", mps)
    yield _precision()
    yield from _threads(facts)
    yield _memory()


def _torch(facts: TorchFacts) -> Iterator[Finding]:
    if facts.error:
        yield Finding(_SECTION, "torch", "problem", f"it cannot be imported: {facts.error}", _REINSTALL)
    elif facts.torchvision_error:
        says = f"it does not work with this torch: {facts.torchvision_error}"
        yield Finding(_SECTION, "torchvision", "problem", says, _REINSTALL)
    else:
        build = f"built for CUDA {facts.cuda}" if facts.cuda else "built for processors"
        yield Finding(_SECTION, "torch", "ok", f"it and torchvision can be imported and work together; {build}")


def _gpus(facts: TorchFacts) -> Iterator[Finding]:
    """The plan counts GPUs by nvidia-smi; a cell needs torch to see them, too."""
    if facts.error:
        return
    seen = machine.gpus()
    if not seen and not facts.gpus:
        yield Finding(_SECTION, "cuda", "absent", "no NVIDIA GPU that can be used: cells run on the processor")
    elif not facts.gpus:
        build = f"is built for CUDA {facts.cuda}" if facts.cuda else "is built for processors"
        says = f"nvidia-smi shows {seen[0].name}, but torch, which {build}, cannot use it: cells would fail"
        yield Finding(_SECTION, "cuda", "problem", says, f"{_REINSTALL}, upgrade the driver, or run with --device cpu")
    elif not seen:
        says = f"torch sees {facts.gpus[0].name}, but there is no nvidia-smi, so that cells run on the processor"
        yield Finding(_SECTION, "cuda", "warning", says, "put nvidia-smi on the PATH; it comes with NVIDIA's driver")
    elif len(seen) != len(facts.gpus):
        says = f"nvidia-smi shows {len(seen)} GPUs and torch can use {len(facts.gpus)}"
        fix = f"name one that is there, --device cuda:0 to cuda:{len(facts.gpus) - 1}, or see CUDA_VISIBLE_DEVICES"
        yield Finding(_SECTION, "cuda", "warning", says, fix)
    else:
        for number, gpu in enumerate(facts.gpus):
            precision = machine.best_precision(f"cuda:{number}")
            says = f"{gpu.name}, {gpu.memory / 2**30:.0f} GiB, trains in {precision}"
            yield Finding(_SECTION, f"cuda:{number}", "ok", says)


def _precision() -> Finding:
    precision = machine.best_precision("cpu")
    why = "which this processor multiplies" if precision == "bf16" else "since this processor does not multiply bf16"
    return Finding(_SECTION, "bf16", "ok", f"{machine.processor()} trains in {precision}, {why}")


def _threads(facts: TorchFacts) -> Iterator[Finding]:
    usable, there = machine.available_cores(), os.cpu_count() or 1
    cores = f"{usable} cores" if usable == there else f"{usable} of {there} cores may be used"
    says = f"{cores}; a cell takes as many threads as its suite says, evaluate and sample take {facts.threads}"
    yield Finding(_SECTION, "threads", "ok", says)
    for variable in THREAD_VARIABLES:
        value = os.environ.get(variable)
        if value is None:
            continue
        if not value.isdecimal() or not 0 < int(value) <= usable:
            says = f"'{value}' is no number of threads for {usable} cores; cells do not look at it, other commands do"
            yield Finding(_SECTION, variable, "warning", says, f"unset {variable}, or set it to {usable} or fewer")
        else:
            yield Finding(_SECTION, variable, "ok", f"{value}; cells do not look at it, evaluate and sample do")


def _memory() -> Finding:
    memory = psutil.virtual_memory()
    allowed = float(Suite.model_fields["memory_gib"].default)
    says = f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB are free"
    if memory.available < allowed * 2**30:
        says += f", and a cell may take {allowed:g} GiB unless its suite says else"
        return Finding(_SECTION, "memory", "warning", says, "end other programs, or set memory_gib in the suite")
    return Finding(_SECTION, "memory", "ok", says)
