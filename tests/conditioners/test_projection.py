"""The projection discriminator: an inner product in a critic's score, FiLM in networks that give none."""

from __future__ import annotations

import torch
from torch import nn

from condbench.conditioning import Condition, sites
from condbench_plugins.conditioners.film import Film
from condbench_plugins.conditioners.projection import Projection, make
from condbench_plugins.networks.critic import Critic
from tests.toys import CLASSES, ConvNet, make_encoder


def test_the_score_gets_an_inner_product_of_u_and_the_features() -> None:
    """Whatever u is, w.adapter(h) - w.h is linear in h, and in e: the bilinear form of the paper's equation 3."""
    torch.manual_seed(0)
    adapter, last, encoder = Projection(8, 16), nn.Linear(8, 1, bias=False), make_encoder()
    nn.init.normal_(adapter.project.weight)
    h = torch.randn(CLASSES, 8)
    c = encoder(Condition.of(torch.arange(CLASSES)))
    added = last(adapter(h, c)) - last(h)
    embedding = adapter.project(c.pooled)
    expected = last(adapter.direction) * (embedding * h).sum(1, keepdim=True) / 8**0.5
    torch.testing.assert_close(added, expected)
    assert added.std() > 0.1


def test_a_critic_sees_u_in_its_score_only_and_learns_it_from_the_first_step() -> None:
    torch.manual_seed(0)
    critic, encoder = Critic((1, 8, 8), 16, depth=1, fine_width=8), make_encoder()
    make(None).fill(critic, encoder.dim)
    filled = {site.role: site.adapter for site in sites(critic)}
    assert isinstance(filled.pop("score"), Projection)
    assert set(filled.values()) == {None}

    u = Condition.of(torch.arange(16) % CLASSES)
    critic(torch.rand(16, 1, 8, 8), encoder(u)).square().mean().backward()
    assert critic.output.adapter.project.weight.grad.abs().sum() > 0, "a neutral start must not be a dead end"


def test_a_generator_is_modulated_in_every_layer() -> None:
    net = ConvNet()
    make(None).fill(net, 16)
    kinds = {(site.role, type(site.adapter)) for site in sites(net)}
    assert kinds == {("input", type(None)), ("hidden", Film), ("output", Film)}
