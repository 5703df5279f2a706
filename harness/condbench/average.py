"""An exponential moving average of parameters whose horizon grows with training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

# Relative standard deviation of about 0.10 of the averaging profile: the last third of training counts most.
_GAMMA = 6.94


class Average:
    """Power-function moving average of some parameters (Karras et al. 2024, arXiv:2312.02696, eq. 3).

    Its weight at step t is proportional to t**gamma, so it needs no horizon tuned to the budget.
    """

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self.parameters = list(parameters)
        self.shadow = [parameter.detach().clone() for parameter in self.parameters]
        self.steps = 0

    @torch.no_grad()
    def update(self) -> None:
        """Take one step of the parameters into the average."""
        self.steps += 1
        if self.shadow:
            weight = 1.0 - (1.0 - 1.0 / self.steps) ** (_GAMMA + 1.0)
            torch._foreach_lerp_(self.shadow, [p.detach() for p in self.parameters], weight)

    @torch.no_grad()
    def apply(self) -> None:
        """Overwrite the parameters with their average."""
        for parameter, shadow in zip(self.parameters, self.shadow, strict=True):
            parameter.copy_(shadow)
