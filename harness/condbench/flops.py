"""Counting floating-point operations of real code with torch's own counter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.flop_counter import (
    FlopCounterMode,
    flop_registry,
    register_flop_formula,
    sdpa_backward_flop_count,
    sdpa_flop_count,
)

# torch 2.14 has formulas for every fused attention but the CPU's; without these a transformer's attention is free.
_attention = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_attention_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


def _register_cpu_attention() -> None:
    @register_flop_formula(_attention)
    def forward(query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> int:
        return int(sdpa_flop_count(query, key, value))  # type: ignore[no-untyped-call]

    @register_flop_formula(_attention_backward)
    def backward(grad: Any, query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> int:
        return int(sdpa_backward_flop_count(grad, query, key, value))  # type: ignore[no-untyped-call]


if _attention not in flop_registry:
    _register_cpu_attention()


class FlopCount:
    """The result of `count_flops`, complete when its block ends."""

    total: float = 0.0


@contextmanager
def count_flops() -> Iterator[FlopCount]:
    """Count what runs inside the block: matrix products, convolutions and attention, forward and backward."""
    count = FlopCount()
    with FlopCounterMode(display=False) as counter:
        yield count
    count.total = float(counter.get_total_flops())
