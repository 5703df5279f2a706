"""What is likely of an 8-bit intensity where a decoder painted a mean: a table, counted while the decoder trains.

A decoder that is trained to paint means says nothing of the 256 intensities themselves. This table does, for every
pixel alike, so the decoder and its samples stay as they are and images still have a likelihood: the table is a discrete
distribution for every mean, whatever it was counted on, so a bound through it is honest on images never seen.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

INTENSITIES = 256
_BINS = 64
_LIMIT = 8.0  # logits beyond it are as good as black or white: a share of 0.0003
_MEMORY = 0.998  # how much of the counts a step keeps, since the decoder they were made for moves on
_PRIOR = 0.05  # counts that every cell has from the start, so that nothing is impossible
_LOOK = 8  # images of a batch that are counted: all of them would take time and tell hardly more


class IntensityTable(nn.Module):
    """P(intensity | logit of the mean ink), with logits in `_BINS` bins; its counts are state, not parameters.

    Ink is an intensity's share of white: x in [-1, 1] has the ink (x + 1) / 2.
    """

    counts: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("counts", torch.zeros(_BINS, INTENSITIES))

    @torch.no_grad()
    def count(self, logits: Tensor, x: Tensor) -> None:
        """Count the intensities x (B, *) in [-1, 1] that came where the decoder painted ``logits`` (B, *)."""
        cells = _bins(logits[:_LOOK]) * INTENSITIES + _intensities(x[:_LOOK])
        fresh = torch.bincount(cells.flatten(), minlength=self.counts.numel())
        self.counts.mul_(_MEMORY).add_(fresh.view_as(self.counts))

    def log_prob(self, logits: Tensor, x: Tensor) -> Tensor:
        """log P(x | logits) in nats, summed over an image's numbers: (B, *), (B, *) -> (B,)."""
        counts = self.counts + _PRIOR
        table = (counts / counts.sum(1, keepdim=True)).log()
        return table[_bins(logits), _intensities(x)].flatten(1).sum(1)


def _bins(logits: Tensor) -> Tensor:
    unit = (logits.float().clamp(-_LIMIT, _LIMIT) / _LIMIT + 1) / 2
    return (unit * (_BINS - 1)).round().long()


def _intensities(x: Tensor) -> Tensor:
    return ((x.float() + 1) * ((INTENSITIES - 1) / 2)).round().long().clamp(0, INTENSITIES - 1)
