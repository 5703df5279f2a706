"""The rate that utilisation is a share of: on a clock of the test's own, so that it is known."""

from __future__ import annotations

import time
from itertools import accumulate

import pytest
import torch

from condbench import peak


@pytest.mark.parametrize("bf16", [False, True])
def test_the_matrix_rate_is_that_of_the_fastest_product(monkeypatch: pytest.MonkeyPatch, bf16: bool) -> None:
    """A sum of 16 products for each of 16 x 16 numbers: 16 multiplications and, as torch counts, 16 additions."""
    seconds = [5.0, 1.5, 3.0, 4.0, 2.0, 6.0, 7.0]
    ticks = iter([at for end, took in zip(accumulate(seconds), seconds, strict=True) for at in (end - took, end)])
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    monkeypatch.setattr(peak, "_SIZE", {"cpu": 16})
    assert peak.matrix_rate(torch.device("cpu"), bf16=bf16) == pytest.approx(2 * 16**3 / 1.5)
    assert not list(ticks), "every round was timed"
