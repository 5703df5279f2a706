"""The tokens of u stand in front of the sequence, which attends to them as to itself.

The in-context conditioning of Peebles & Xie 2023, arXiv:2212.09748, section 3.2, and of every transformer that is given
a prompt. Beside cross-attention it needs no layer of its own: the positions of x query, and are mixed with, positions
that hold u. In an autoregressive model, u is then simply the beginning of the sequence.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from condbench.conditioning import (
    Build,
    Condition,
    Conditioned,
    ConditionEncoder,
    Context,
    MakeEncoder,
    prefixes,
)
from condbench.model import Model
from condbench.specs import Domain, Task

_INIT = 0.02  # standard deviation of embeddings of positions, as in GPT-2


class Tokens(nn.Module):
    """W t_i + p_i for each token t_i of u, with W zero at first: what stands there does not depend on u yet.

    The positions p_i tell the tokens apart, and from those of the sequence.
    """

    def __init__(self, channels: int, dim: int, length: int) -> None:
        super().__init__()
        self.project = nn.Linear(dim, channels, bias=False)
        self.position = nn.Parameter(torch.randn(length, channels) * _INIT)
        nn.init.zeros_(self.project.weight)

    def forward(self, c: Context) -> Tensor:
        """A batch's tokens in the channels of the sequence: (B, length, C)."""
        projected: Tensor = self.project(c.tokens)
        return projected + self.position


class InContext:
    """Fills the slots in front of sequences; sites stay empty."""

    def lift(self, build: Build, task: Task, make_encoder: MakeEncoder) -> Model:
        """Build the model with `Conditioned` around each network and its slots filled."""

        def wrap(net: nn.Module) -> Conditioned:
            encoder = make_encoder()
            length = _length(encoder, task)
            for slot in prefixes(net):
                slot.fill(Tokens(slot.channels, encoder.dim, length), length)
            return Conditioned(net, encoder)

        return build(task, wrap)


def _length(encoder: ConditionEncoder, task: Task) -> int:
    """How many tokens an encoder gives: a network must know before it sees u, and only trying tells."""
    with torch.no_grad():
        context: Context = encoder(Condition.of(*(_any(domain) for domain in task.condition)))
    return context.tokens.shape[1]


def _any(domain: Domain) -> Tensor:
    """A batch of one from a domain."""
    return torch.zeros(1, *domain.shape, dtype=torch.long if domain.size else torch.float)


def make(options: None) -> InContext:
    """The conditioner; it has no options."""
    return InContext()
