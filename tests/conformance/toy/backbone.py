"""A denoiser of one step, with a batch norm, which may see the batch in training."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Condition, Conditioned, Context, Site, Wrap
from condbench.model import Model
from condbench.specs import Task

from .options import ToyOptions


class Net(nn.Module):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, width, 4, stride=4)
        self.input = Site(width, role="input")
        self.hidden = Site(width, norm=nn.BatchNorm2d(width))
        self.middle = nn.Conv2d(width, width, 3, padding=1)
        self.gate = Site(width, role="branch")
        self.last = nn.ConvTranspose2d(width, channels, 4, stride=4)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor, c: Context | None) -> Tensor:
        h = self.input(self.first(x), c)
        h = h + self.gate(self.middle(F.relu(self.hidden(h, c))), c)
        return self.last(h)


class Toy(Model):
    batch_size = 16

    def __init__(self, net: Conditioned, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.net, self.shape = net, shape
        self.register_buffer("order", torch.randperm(shape[-1]))

    def estimate(self, z: Tensor, u: Condition) -> Tensor:
        return torch.lerp(z, self.net(z[..., self.order], u=u).float(), 0.9)

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        return (self.estimate(x + torch.randn_like(x), u) - x).square().mean()

    def optimizers(self, phase: str) -> list[torch.optim.Optimizer]:
        return [torch.optim.Adam(self.parameters(), lr=1e-3)]

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        z = torch.randn(len(u), *self.shape, generator=generator)
        return self.estimate(z, u).clamp(-1, 1)


def build(task: Task, wrap: Wrap, options: ToyOptions) -> Toy:
    net = Net(task.target.shape[0], options.width)
    return Toy(wrap(net), task.target.shape)
