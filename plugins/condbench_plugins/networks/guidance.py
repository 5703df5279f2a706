"""Classifier-free guidance, shared by the backbones whose network estimates a direction: flow, diffusion and others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from condbench.conditioning import Condition


@dataclass(frozen=True)
class Interval:
    """The noise levels at which sampling is guided, both ends included; without ``high`` there is no upper end.

    Guidance hurts where noise hides everything, and is idle where it hides nothing (Kynkäänniemi et al. 2024,
    arXiv:2404.07724).
    """

    low: float = 0.0
    high: float | None = None

    def scale(self, sigma: float, guidance: float | None) -> float:
        """The scale of guidance at a noise level, where data = 1 and noise = sigma.

        It is 1 outside the interval, and for a model that cannot be guided (``guidance`` is None).
        """
        inside = self.low <= sigma and (self.high is None or sigma <= self.high)
        return guidance if inside and guidance is not None else 1.0


EVERYWHERE = Interval()
"""All noise levels."""


def guided(net: Callable[..., Tensor], x: Tensor, t: Tensor, u: Condition, scale: float) -> Tensor:
    """``net(x, t, u)`` in float32, extrapolated away from its unconditional estimate.

    Both estimates come from one batched call. Scale 1 is the plain conditional estimate, 0 the unconditional one
    (Ho & Salimans 2022, arXiv:2207.12598, eq. 6, where the scale is 1 + w).

    Args:
        net: called as ``net(x, t, u=u)``; its estimates have the shape of x.
        x: (B, *shape).
        t: times or noise levels (B,).
        u: a batch of conditions.
        scale: of the guidance.
    """
    if scale == 1:
        return net(x, t, u=u).float()
    both = net(torch.cat([x, x]), torch.cat([t, t]), u=Condition.cat([u, u.dropped()]))
    kept, dropped = both.float().chunk(2)
    return torch.lerp(dropped, kept, scale)
