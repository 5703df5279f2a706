"""Each row of an image from those above it: causal sites, and a prefix."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Condition, Conditioned, Context, Prefix, Site, Wrap
from condbench.model import Model
from condbench.specs import Task


class Net(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.first = nn.Linear(size, 8)
        self.prefix = Prefix(8)
        self.input = Site(8, dim=-1, role="input", mixable=False)
        self.hidden = Site(8, dim=-1, mixable=False)
        self.last = nn.Linear(8, size)

    def forward(self, rows: Tensor, c: Context | None) -> Tensor:
        h = self.prefix(self.input(self.first(rows), c), c)
        h = torch.tanh(self.hidden(h.cumsum(1), c))
        return self.last(h[:, self.prefix.length :])


class Rows(Model):
    def __init__(self, net: Conditioned, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.net, self.shape = net, shape

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        rows = x.movedim(1, 2).flatten(2)
        return F.mse_loss(self.net(F.pad(rows, (0, 0, 1, 0))[:, :-1], u=u), rows)

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        channels, height, width = self.shape
        rows = torch.zeros(len(u), 1, channels * width)
        for _ in range(height):
            guess = self.net(rows, u=u)[:, -1:]
            rows = torch.cat([rows, torch.tanh(guess + 0.1 * torch.randn(guess.shape, generator=generator))], dim=1)
        return rows[:, 1:].unflatten(2, (channels, width)).movedim(2, 1)


def build(task: Task, wrap: Wrap, options: None) -> Rows:
    channels, _, width = task.target.shape
    return Rows(wrap(Net(channels * width)), task.target.shape)
