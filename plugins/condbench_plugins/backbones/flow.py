"""Flow matching: a velocity field that carries noise to data along straight lines.

Lipman et al. 2023, arXiv:2210.02747; Liu et al. 2023, arXiv:2209.03003. `build` is what the registry names.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Condition, Wrap
from condbench.model import Model
from condbench.specs import Task
from condbench_plugins.networks.guidance import guided
from condbench_plugins.networks.optimizers import muon_and_adamw
from condbench_plugins.networks.unet import UNet
from condbench_plugins.options import FlowOptions


class Flow(Model):
    """dx/dt = v(x, t, u) from noise at t = 0 to data at t = 1; ``velocity`` is called as ``v(x, t, u=u)``."""

    batch_size = 32

    def __init__(self, velocity: nn.Module, shape: tuple[int, ...], options: FlowOptions) -> None:
        super().__init__()
        self.velocity, self.shape, self.options = velocity, shape, options

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """The regression on straight lines, E |v(x_t, t, u) - (x - noise)|^2 (Lipman et al., eq. 23)."""
        noise = torch.randn_like(x)
        # What is hard to learn lies in the middle of the path (Esser et al. 2024, arXiv:2403.03206, eq. 19).
        t = torch.randn(len(x), device=x.device).sigmoid()
        x_t = torch.lerp(noise, x, t[:, None, None, None])
        return F.mse_loss(self.velocity(x_t, t, u=u).float(), x - noise)

    def optimizers(self, phase: str) -> list[torch.optim.Optimizer]:
        """Muon on the hidden weights, AdamW on the rest."""
        return muon_and_adamw(self, self.parameters())

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """Heun's second-order method on an even grid of times."""
        x = torch.randn(len(u), *self.shape, generator=generator, device=generator.device)
        times = torch.linspace(0, 1, self.options.steps + 1, device=x.device)
        for t, t_next in pairwise(times):
            slope = self._slope(x, t, u)
            end = self._slope(x + (t_next - t) * slope, t_next, u)
            x = x + (t_next - t) * (slope + end) / 2
        return x

    def _slope(self, x: Tensor, t: Tensor, u: Condition) -> Tensor:
        return guided(self.velocity, x, t.expand(len(x)), u, self.options.guidance)


def build(task: Task, wrap: Wrap, options: FlowOptions) -> Flow:
    """A flow on the task's images."""
    shape = task.target.shape
    return Flow(wrap(UNet(shape, options.width)), shape, options)
