"""The peaks that a cell is measured by: how fast this process multiplies matrices, and the most memory it has held.

Model-FLOP utilisation (Chowdhery et al. 2022, arXiv:2204.02311, section 4.1) divides by the hardware's peak; here the
peak is a matrix product's rate with the same threads, precision and device, so that it needs no table of processors.
"""

from __future__ import annotations

import resource
import sys
import time

import torch

_SIZE = {"cpu": 1024}
_LARGE = 8192  # a GPU is not filled by less
_ROUNDS = 7


def matrix_rate(device: torch.device, *, bf16: bool) -> float:
    """Floating-point operations per second of a square matrix product, the best of a few: FLOP/s."""
    size = _SIZE.get(device.type, _LARGE)
    dtype = torch.bfloat16 if bf16 else torch.float32
    a, b = torch.ones(2, size, size, dtype=dtype, device=device)
    seconds = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        torch.mm(a, b)[0, 0].item()  # .item() waits for a GPU
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds)


def peak_memory(device: str) -> float:
    """The most memory that this process has held, in bytes: on the GPU if it trained there."""
    if device.startswith("cuda") and torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated(device))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)
