"""Classifier-free guidance, shared by the backbones whose network estimates a direction: flow and diffusion."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from condbench.conditioning import Condition


def guided(net: Callable[..., Tensor], x: Tensor, t: Tensor, u: Condition, scale: float) -> Tensor:
    """``net(x, t, u)`` in float32, extrapolated away from its unconditional estimate.

    Both estimates come from one batched call. Scale 1 is the plain conditional estimate, 0 the unconditional one
    (Ho & Salimans 2022, arXiv:2207.12598, eq. 6, where the scale is 1 + w).

    Args:
        net: called as ``net(x, t, u=u)``; its estimates have the shape of x.
        x: (B, C, H, W).
        t: times or noise levels (B,).
        u: a batch of conditions.
        scale: of the guidance.
    """
    if scale == 1:
        return net(x, t, u=u).float()
    both = net(torch.cat([x, x]), torch.cat([t, t]), u=Condition.cat([u, u.dropped()]))
    kept, dropped = both.float().chunk(2)
    return torch.lerp(dropped, kept, scale)
