"""In-context tokens: in front of the sequence, seen by all of it, gone before its end."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Condition, Conditioned, ConditionEncoder, Context, Prefix
from condbench.specs import Domain, Task
from condbench_plugins.conditioners.in_context import Tokens, make
from condbench_plugins.encoders.table import Table
from tests.toys import CLASSES, TASK, ToyModel, make_encoder

WIDTH = 8


class Attending(nn.Module):
    """Pixels as a sequence behind a slot, and one layer of attention whose maps are the identity."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(1, WIDTH), nn.Linear(WIDTH, 1)
        self.prefix = Prefix(WIDTH)

    def forward(self, x: Tensor, c: Context | None) -> Tensor:
        h = self.prefix(self.first(x.flatten(1)[..., None]), c)
        h = F.scaled_dot_product_attention(h, h, h)
        return self.last(h[:, self.prefix.length :]).view_as(x)


def lift(task: Task = TASK, make_encoder=make_encoder) -> Conditioned:
    torch.manual_seed(0)
    model = make(None).lift(lambda task, wrap: ToyModel(wrap(Attending())), task, make_encoder)
    return model.net


def tokens(net: Conditioned) -> Tokens:
    return net.net.prefix.adapter


def batch() -> tuple[Tensor, Condition]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(16, 1, 8, 8, generator=generator), Condition.of(torch.arange(16) % CLASSES)


def test_the_start_is_neutral_and_no_dead_end() -> None:
    net = lift()
    x, u = batch()
    torch.testing.assert_close(net(x, u=u), net(x, u=u.dropped()))
    net(x, u=u).square().mean().backward()
    assert tokens(net).project.weight.grad.abs().amax(1).min() > 0


def test_every_position_sees_every_token_of_u() -> None:
    net = lift()
    nn.init.normal_(tokens(net).project.weight)
    x, u = batch()
    x = x[:1].expand_as(x)
    out = net(x, u=u)
    assert (out[0] != out[1]).all()
    dropped = net(x, u=u.dropped())
    torch.testing.assert_close(dropped, dropped[:1].expand_as(dropped))

    embedded = net.encoder(u).tokens.detach().requires_grad_()
    net.net(x, c=Context(embedded.mean(1), embedded)).sum().backward()
    assert (embedded.grad.abs().sum(-1) > 0).all()
    assert net.encoder(u).tokens.requires_grad, "u's own encoder learns"


def test_tokens_that_no_query_finds_change_nothing() -> None:
    """Attention over a longer sequence is attention over the shorter one when the keys in front are far away."""
    net = lift()
    x, u = batch()
    with torch.no_grad():
        net.net.first.bias[0] = 1.0
        net.net.first.weight[0] = 0.0
        tokens(net).position[:, 0] = -1e4
    conditional = net(x, u=u)
    net.net.prefix.fill(None, 0)
    torch.testing.assert_close(conditional, net(x, u=u))


def test_the_parts_of_u_stand_side_by_side() -> None:
    task = Task(TASK.target, (Domain("class", (), CLASSES), Domain("class", (), 3)))
    net = lift(task, lambda: ConditionEncoder([Table(CLASSES, 16), Table(3, 16)], 16))
    assert net.net.prefix.length == 8
    x, _ = batch()
    assert net(x, u=Condition.of(torch.arange(16) % CLASSES, torch.arange(16) % 3)).shape == x.shape
