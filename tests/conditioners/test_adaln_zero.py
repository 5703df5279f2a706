"""adaLN-Zero: FiLM, and a gate on each residual branch that starts open for every conditioner alike."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from condbench.conditioning import Condition, Context, Site, sites
from condbench_plugins.conditioners import adaln_zero, film
from condbench_plugins.conditioners.adaln_zero import Gate
from condbench_plugins.conditioners.film import Film
from tests.toys import CLASSES, make_encoder


class Residual(nn.Module):
    """One residual block on (B, T, C), as a backbone's author writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.site = Site(8, dim=-1, norm=nn.LayerNorm(8))
        self.branch = nn.Linear(8, 8)
        self.gate = Site(8, dim=-1, role="branch")

    def forward(self, h: Tensor, c: Context | None) -> Tensor:
        return h + self.gate(torch.tanh(self.branch(self.site(h, c))), c)


def filled() -> Residual:
    torch.manual_seed(0)
    net = Residual()
    adaln_zero.make(None).fill(net, 16)
    return net


def batch() -> tuple[Tensor, Condition]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(16, 5, 8, generator=generator), Condition.of(torch.arange(16) % CLASSES)


def test_layers_are_modulated_and_branches_gated() -> None:
    net = filled()
    assert isinstance(net.site.adapter, Film)
    assert isinstance(net.gate.adapter, Gate)


def test_the_gate_starts_open_so_that_the_block_is_the_backbones_own() -> None:
    """A gate that starts shut would give this conditioner a start that the others do not have."""
    net, encoder = filled(), make_encoder()
    h, u = batch()
    conditional = net(h, encoder(u))
    for site in sites(net):
        site.fill(None)
    torch.testing.assert_close(conditional, net(h, None))


def test_it_contains_film() -> None:
    """With alpha zero, whatever gamma and beta are."""
    net, encoder = filled(), make_encoder()
    plain = Residual()
    film.make(None).fill(plain, 16)
    nn.init.normal_(net.site.adapter.project.weight)
    plain.load_state_dict({name: value for name, value in net.state_dict().items() if "gate" not in name})
    h, u = batch()
    torch.testing.assert_close(net(h, encoder(u)), plain(h, encoder(u)))


def test_a_gate_scales_what_a_branch_adds_and_can_shut_it() -> None:
    net, encoder = filled(), make_encoder()
    h, u = batch()
    added = net(h, encoder(u)) - h
    nn.init.constant_(net.gate.adapter.project.bias, -0.25)
    torch.testing.assert_close(net(h, encoder(u)) - h, 0.75 * added)
    nn.init.constant_(net.gate.adapter.project.bias, -1.0)
    assert torch.equal(net(h, encoder(u)), h)


def test_gates_learn_from_the_first_step_and_tell_labels_apart() -> None:
    net, encoder = filled(), make_encoder()
    h, u = batch()
    net(h, encoder(u)).square().mean().backward()
    gate = net.gate.adapter.project
    assert gate.weight.grad.abs().amax(1).min() > 0
    with torch.no_grad():
        gate.weight -= 10 * gate.weight.grad
    same = h[:1].expand_as(h)
    out = net(same, encoder(u))
    assert (out[0] - out[1]).abs().amax() > 1e-3
    dropped = net(same, encoder(u.dropped()))
    torch.testing.assert_close(dropped, dropped[:1].expand_as(dropped))
