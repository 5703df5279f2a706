"""P(x | painted): the intensities of an image, given what a frozen decoder paints; a factor of the bound in `ar`.

A table counts how often each of the 256 intensities occurs where the decoder paints a given shade. Where it paints
black, an image is black; in between, anything may be: no parametric family of distributions says both.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_SHADES = 64  # how finely what is painted is told apart
_INTENSITIES = 256


class Shades(nn.Module):
    """Independent numbers, each distributed as those were that training saw where the same shade was painted."""

    counts: Tensor

    def __init__(self) -> None:
        super().__init__()
        # From one each (Laplace's rule), so that nothing is impossible.
        self.register_buffer("counts", torch.ones(_SHADES, _INTENSITIES, dtype=torch.int64))

    @torch.no_grad()
    def observe(self, painted: Tensor, x: Tensor) -> None:
        """Count images x and what was painted for them, both (B, C, H, W) in [-1, 1]."""
        cells = _shade(painted) * _INTENSITIES + _intensity(x)
        self.counts += torch.bincount(cells.flatten(), minlength=self.counts.numel()).view_as(self.counts)

    def log_probability(self, painted: Tensor, x: Tensor) -> Tensor:
        """log P(x | painted) in nats, of images as `observe` takes them: (B,) float32."""
        frequencies = self.counts.double()
        table = (frequencies / frequencies.sum(1, keepdim=True)).log()
        return table[_shade(painted), _intensity(x)].flatten(1).sum(1).float()


def _intensity(x: Tensor) -> Tensor:
    """[-1, 1] -> the intensity 0 to 255 that was scaled to it."""
    return ((x + 1) * ((_INTENSITIES - 1) / 2)).round().long().clamp(0, _INTENSITIES - 1)


def _shade(painted: Tensor) -> Tensor:
    """[-1, 1] -> one of equal parts of it."""
    return ((painted + 1) * (_SHADES / 2)).long().clamp(0, _SHADES - 1)
