"""Autoregression over codes: exact codes, a cache that changes nothing, no look ahead, and frozen codes."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from condbench.budget import Budget
from condbench.conditioning import Condition, ConditionEncoder, DenseConditioner
from condbench.specs import Domain, Task
from condbench.training import train
from condbench_plugins.backbones.ar import Autoregression, build
from condbench_plugins.conditioners import cross_attention, film, label_embedding
from condbench_plugins.encoders.table import Table
from condbench_plugins.networks.fsq import FiniteScalarQuantizer
from condbench_plugins.networks.transformer import Cache, CausalTransformer
from condbench_plugins.options import ArOptions, CrossAttentionOptions

CLASSES = 4
CONDITIONERS: list[DenseConditioner] = [
    film.make(None),
    label_embedding.make(None),
    cross_attention.make(CrossAttentionOptions()),
]


def conditional(conditioner: DenseConditioner, *shape: int) -> Autoregression:
    torch.manual_seed(0)
    task = Task(Domain("image", shape), (Domain("class", (), CLASSES),))
    options = ArOptions(width=64, layers=2, code_width=16, levels="4x3", codes_share=0.3)
    model = conditioner.lift(
        lambda t, wrap: build(t, wrap, options), task, lambda: ConditionEncoder([Table(CLASSES, 16)], 16)
    )
    assert isinstance(model, Autoregression)
    return model


def as_if_trained(model: Autoregression) -> CausalTransformer:
    """Move every weight off its neutral start."""
    with torch.no_grad():
        for parameter in model.transformer.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    net = model.transformer.net
    assert isinstance(net, CausalTransformer)
    return net


def bars(count: int) -> tuple[torch.Tensor, Condition]:
    """Class k is a bright row 2k of an 8 x 8 image."""
    labels = torch.randint(0, CLASSES, (count,))
    x = -torch.ones(count, 1, 8, 8)
    x[torch.arange(count), 0, 2 * labels] = 1.0
    return x, Condition.of(labels)


@pytest.mark.parametrize("levels", ["1x4", "4x1", "0x4", "1", "4x", "x4", "4x-2", "04", ""])
def test_each_number_of_a_code_has_two_levels_or_more(levels: str) -> None:
    with pytest.raises(ValidationError, match="levels"):
        ArOptions(levels=levels)


@pytest.mark.parametrize("levels", ["2", "10x2", "19x100"])
def test_any_count_of_levels_from_two_on(levels: str) -> None:
    assert ArOptions(levels=levels).levels == levels


def test_codes_and_levels_are_the_same_thing() -> None:
    quantizer = FiniteScalarQuantizer((4, 3, 5))
    every = torch.arange(quantizer.size)
    values = quantizer.decode(every)
    assert len(values.unique(dim=0)) == quantizer.size == 60

    z = (3 * torch.randn(500, 3)).requires_grad_()
    rounded = quantizer(z)
    torch.testing.assert_close(rounded, quantizer.decode(quantizer.encode(z)))
    rounded.sum().backward()
    assert z.grad is not None
    assert (z.grad > 0).all()


@pytest.mark.parametrize("conditioner", CONDITIONERS)
def test_the_cache_changes_no_logit(conditioner: DenseConditioner) -> None:
    model = conditional(conditioner, 1, 16, 16)
    net = as_if_trained(model)
    u = Condition.of(torch.tensor([0, 1, 3]))
    codes = torch.randint(0, model.vocabulary, (3, model.length))
    previous = torch.cat([net.start(3), codes[:, :-1]], dim=1)
    cache = Cache(model.layers)
    with torch.inference_mode():
        full = model.transformer(previous, u=u)
        steps = [model.transformer(previous[:, i : i + 1], u=u, cache=cache) for i in range(model.length)]
    torch.testing.assert_close(torch.cat(steps, dim=1), full, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("conditioner", CONDITIONERS)
def test_no_position_looks_ahead(conditioner: DenseConditioner) -> None:
    model = conditional(conditioner, 1, 16, 16)
    as_if_trained(model)
    u = Condition.of(torch.tensor([0, 1]))
    previous = torch.randint(0, model.vocabulary, (2, model.length))
    changed = previous.clone()
    changed[:, 7] = (changed[:, 7] + 1) % model.vocabulary
    with torch.inference_mode():
        moved = (model.transformer(previous, u=u) - model.transformer(changed, u=u)).abs().amax((0, 2))
    assert (moved[:7] < 1e-5).all()
    assert (moved[7:] > 1e-4).all()


def test_it_learns_the_codes_then_freezes_them_and_draws_what_the_label_says() -> None:
    model = conditional(film.make(None), 1, 8, 8)
    frozen: dict[str, torch.Tensor] = {}

    def remember(progress: float) -> None:
        if model.phases(progress) == ("transformer",) and not frozen:
            frozen.update({name: p.clone() for name, p in model.autoencoder.state_dict().items()})

    def batches() -> tuple[torch.Tensor, Condition]:
        remember(seen[0] / budget)
        seen[0] += 64
        return bars(64)

    budget, seen = 64 * 240, [0]
    train(
        model,
        iter(batches, None),
        Budget(samples=budget),
        condition_dropout=0.1,
        generator=torch.Generator().manual_seed(0),
        bf16=False,
    )
    assert frozen
    for name, parameter in model.autoencoder.state_dict().items():
        assert torch.equal(parameter, frozen[name]), name

    labels = torch.arange(CLASSES).repeat(25)
    with torch.inference_mode():
        x = model.sample(Condition.of(labels), torch.Generator().manual_seed(0))
        again = model.sample(Condition.of(labels), torch.Generator().manual_seed(0))
    assert torch.equal(x, again)
    painted = x[:, 0].mean(-1).argmax(-1)  # the brightest row
    assert (painted == 2 * labels).float().mean() > 0.9


def test_colour_images_of_another_size() -> None:
    model = conditional(film.make(None), 3, 32, 32)
    u = Condition.of(torch.tensor([0, 1]))
    for phase in ("codes", "transformer"):
        model.loss(phase, torch.rand(2, 3, 32, 32), u).backward()
    with torch.inference_mode():
        assert model.sample(u, torch.Generator().manual_seed(0)).shape == (2, 3, 32, 32)
