"""A toy network and model with every kind of site of an image, for tests of the contract; it learns in milliseconds."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from condbench.conditioning import Condition, Conditioned, ConditionEncoder, Context, Site, Wrap
from condbench.model import Model
from condbench.specs import Domain, Task
from condbench_plugins.encoders.table import Table

CLASSES = 5
TASK = Task(Domain("image", (1, 8, 8)), (Domain("class", (), CLASSES),))


def make_encoder() -> ConditionEncoder:
    return ConditionEncoder([Table(CLASSES, 16)], 16)


class ConvNet(nn.Module):
    """Image to image, with an input, two hidden and an output site on (B, C, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3, padding=1)
        self.middle = nn.Conv2d(8, 8, 3, padding=1)
        self.last = nn.Conv2d(8, 1, 1)
        self.input = Site(8, role="input")
        self.hidden = nn.ModuleList([Site(8, norm=nn.GroupNorm(1, 8)), Site(8)])
        self.output = Site(8, role="output")

    def forward(self, x: Tensor, c: Context | None) -> Tensor:
        h = self.input(self.first(x), c)
        h = self.middle(torch.relu(self.hidden[0](h, c)))
        return self.last(self.output(torch.relu(self.hidden[1](h, c)), c))


class ToyModel(Model):
    """Learns to denoise; it samples by denoising noise once."""

    batch_size = 16

    def __init__(self, net: Conditioned) -> None:
        super().__init__()
        self.net = net

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        return (self.net(x + torch.randn_like(x), u=u) - x).square().mean()

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        return self.net(torch.randn(len(u), 1, 8, 8, generator=generator), u=u)


def build_conv(task: Task, wrap: Wrap) -> ToyModel:
    return ToyModel(wrap(ConvNet()))
