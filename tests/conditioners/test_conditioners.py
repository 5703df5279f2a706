"""The degeneracies that are known of each conditioner.

What all of them promise is checked by the conformance kit (`tests/conformance/test_builtin.py`).
"""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from condbench.conditioning import Condition, Conditioned, Conditioner, Site, sites
from condbench.errors import UserError
from condbench.registry import installed, resolve
from condbench_plugins.conditioners.adain import AdaIn, AdaInConditioner
from condbench_plugins.conditioners.cross_attention import CrossAttention
from condbench_plugins.conditioners.film import Film
from condbench_plugins.conditioners.label_embedding import AddEmbedding
from tests.toys import CLASSES, TASK, build_conv, make_encoder

SPECS = {name: installed().conditioners.get(name).spec for name in installed().conditioners.names()}
NAMES = [name for name, spec in SPECS.items() if spec.needs <= {"norms", "positions"}]  # as the toy offers
DENSE = [name for name in NAMES if SPECS[name].uses_encoder]


def make(name: str) -> Conditioner:
    spec = installed().conditioners.get(name).spec
    options = resolve(spec.options)() if spec.options else None
    conditioner: Conditioner = resolve(spec.target)(options)
    return conditioner


def lift(name: str):
    torch.manual_seed(0)
    return make(name).lift(build_conv, TASK, make_encoder)


def batch(size: int = 16) -> tuple[torch.Tensor, Condition]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(size, 1, 8, 8, generator=generator), Condition.of(torch.arange(size) % CLASSES)


def randomise(model: nn.Module) -> None:
    """Move all parameters off their initial values, where adapters are neutral."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))


def test_none_is_deaf_to_u() -> None:
    model = lift("none")
    randomise(model)
    x, u = batch()
    assert torch.equal(model.net(x, u=u), model.net(x, u=u.dropped()))


@pytest.mark.parametrize("name", DENSE)
def test_a_dropped_condition_is_the_same_for_all_labels(name: str) -> None:
    model = lift(name)
    randomise(model)
    x, u = batch()
    x = x[:1].expand_as(x)
    out = model.net(x, u=u.dropped())
    torch.testing.assert_close(out, out[:1].expand_as(out))
    assert (model.net(x, u=u) - out).abs().amax() > 1e-3


def test_label_embedding_acts_at_the_input_only() -> None:
    filled = {site.role: site.adapter for site in sites(lift("label-embedding").net.net)}
    assert isinstance(filled["input"], AddEmbedding)
    assert filled["hidden"] is None and filled["output"] is None


def test_film_contains_label_embedding() -> None:
    """With gamma zero, FiLM is an added embedding."""
    torch.manual_seed(0)
    film, added = Film(8, 16), AddEmbedding(8, 16)
    nn.init.normal_(added.project.weight)
    with torch.no_grad():
        film.project.weight[8:].copy_(added.project.weight)
    context, h = make_encoder()(batch()[1]), torch.randn(16, 4, 4, 8)
    torch.testing.assert_close(film(h, context), added(h, context))


@pytest.mark.parametrize(("tokens", "is_bias"), [(1, True), (4, False)])
def test_cross_attention_over_one_token_is_a_bias(tokens: int, is_bias: bool) -> None:
    """Its softmax is 1 then: what it adds does not depend on h."""
    torch.manual_seed(0)
    attention = CrossAttention(8, 16, heads=2, head_width=8)
    nn.init.normal_(attention.out.weight)
    context = make_encoder()(batch()[1])
    context = type(context)(context.pooled, context.tokens[:, :tokens])
    h, other = torch.randn(2, 16, 4, 4, 8)
    same = torch.allclose(attention(h, context) - h, attention(other, context) - other, atol=1e-5)
    assert same == is_bias


def test_cross_attention_is_attention() -> None:
    """Against torch's own, with every position projected."""
    torch.manual_seed(0)
    attention = CrossAttention(8, 16, heads=2, head_width=4)
    nn.init.normal_(attention.out.weight)
    context, h = make_encoder()(batch()[1]), torch.randn(16, 5, 5, 8)
    split = lambda t: t.unflatten(-1, (2, 4)).transpose(1, 2)  # noqa: E731
    key, value = attention.key_value(context.tokens).chunk(2, dim=-1)
    attended = F.scaled_dot_product_attention(split(attention.query(h.flatten(1, 2))), split(key), split(value))
    expected = h + attention.out(attended.transpose(1, 2).flatten(2)).view_as(h)
    torch.testing.assert_close(attention(h, context), expected)


def test_adain_normalises_each_channel_of_each_sample() -> None:
    model = lift("adain")
    site = model.net.net.hidden[0]
    assert site.norm is None, "AdaIN stands in for the norm"
    h = 3 + 2 * torch.randn(4, 8, 6, 6)
    out = site(h, make_encoder()(batch(4)[1]))
    torch.testing.assert_close(out.mean((2, 3)), torch.zeros(4, 8), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.var((2, 3), correction=0), torch.ones(4, 8), atol=1e-3, rtol=0)


def test_adain_brings_no_norm_where_there_is_none() -> None:
    """A critic has none; with one it would be another network, whatever u says."""
    conditioner = AdaInConditioner()
    with_norm, without = Site(8, norm=nn.GroupNorm(1, 8)), Site(8)
    assert type(conditioner.adapter(with_norm, 16)) is AdaIn
    assert type(conditioner.adapter(without, 16)) is Film


def test_a_causal_site_refuses_what_mixes_positions() -> None:
    causal = Site(8, dim=-1, mixable=False)
    causal.fill(Film(8, 16))
    with pytest.raises(UserError, match="AdaIn mixes positions"):
        causal.fill(AdaIn(8, 16))


def test_a_model_per_label_has_nothing_to_lean_away_from() -> None:
    def guided(task, wrap):
        model = build_conv(task, wrap)
        model.guidance = 2.0
        return model

    assert make("film").lift(guided, TASK, make_encoder).guidance == 2.0
    assert all(model.guidance is None for model in make("label-sampling").lift(guided, TASK, make_encoder).models)


def test_label_sampling_routes_each_label_to_its_own_model() -> None:
    model = lift("label-sampling")
    randomise(model)
    x, u = batch()
    mine = u[u.parts[0] == 2]
    expected = model.models[2].sample(mine, torch.Generator().manual_seed(4))
    torch.testing.assert_close(model.sample(mine, torch.Generator().manual_seed(4)), expected)
    model.loss("train", x[u.parts[0] == 2], mine).backward()
    moved = [any(p.grad is not None for p in one.parameters()) for one in model.models]
    assert moved == [False, False, True, False, False]


def test_label_sampling_keeps_the_order_of_u() -> None:
    model = lift("label-sampling")
    with torch.no_grad():
        for label, one in enumerate(model.models):
            for parameter in one.parameters():
                parameter.zero_()
            one.net.net.last.bias.fill_(float(label))
    u = Condition.of(torch.tensor([3, 0, 4, 0, 2, 3]))
    out = model.sample(u, torch.Generator().manual_seed(0))
    assert out.mean((1, 2, 3)).tolist() == [3, 0, 4, 0, 2, 3]


def test_an_empty_site_is_its_norm() -> None:
    norm = nn.GroupNorm(2, 8)
    h = torch.randn(2, 8, 4, 4)
    assert torch.equal(Site(8, norm=norm)(h, None), norm(h))
    assert torch.equal(Site(8)(h, None), h)


def test_evaluations_are_counted_per_sample() -> None:
    net = Conditioned(nn.Identity())
    net.net.forward = lambda x, c: x
    net(torch.zeros(3), u=Condition.of(torch.zeros(3, dtype=torch.long)))
    net(torch.zeros(4), u=Condition.of(torch.zeros(4, dtype=torch.long)))
    assert net.evaluations == 7
