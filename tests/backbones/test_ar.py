"""Autoregression over codes: exact codes, a cache that changes nothing, no look ahead, a bound that is one."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional as F

from condbench.budget import Budget
from condbench.conditioning import Adapter, Condition, ConditionEncoder, Conditioner, Context, sites
from condbench.errors import UserError
from condbench.model import Model
from condbench.specs import Domain, Task
from condbench.training import train
from condbench_plugins.backbones import ar
from condbench_plugins.backbones.ar import Autoregression, CodeModel, build
from condbench_plugins.conditioners import adaln_zero, cross_attention, film, in_context, label_embedding
from condbench_plugins.encoders.table import Table
from condbench_plugins.networks.fsq import FiniteScalarQuantizer
from condbench_plugins.networks.transformer import Cache, Transformer
from condbench_plugins.options import ArOptions, CrossAttentionOptions

CLASSES = 4
CONDITIONERS: list[Conditioner] = [
    film.make(None),
    label_embedding.make(None),
    cross_attention.make(CrossAttentionOptions()),
    adaln_zero.make(None),
    in_context.make(None),
]


def conditional(conditioner: Conditioner, *shape: int, **changes: object) -> CodeModel:
    torch.manual_seed(0)
    task = Task(Domain("image", shape), (Domain("class", (), CLASSES),))
    small = {
        "width": 64,
        "heads": 2,
        "feed_forward": 128,
        "layers": 2,
        "code_width": 16,
        "levels": "4x3",
        "codes_share": 0.3,
    }
    options = ArOptions.model_validate(small | changes)
    model = conditioner.lift(
        lambda t, wrap: build(t, wrap, options), task, lambda: ConditionEncoder([Table(CLASSES, 16)], 16)
    )
    assert isinstance(model, CodeModel)
    return model


def as_if_trained(model: CodeModel) -> Transformer:
    """Move every weight off its neutral start, and switch dropout off."""
    model.eval()
    with torch.no_grad():
        for parameter in model.transformer.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model.net


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
def test_the_cache_changes_no_logit(conditioner: Conditioner) -> None:
    model = conditional(conditioner, 1, 16, 16)
    net = as_if_trained(model)
    u = Condition.of(torch.tensor([0, 1, 3]))
    codes = torch.randint(0, net.codes, (3, model.length))
    previous = torch.cat([net.blank(3, 1), codes[:, :-1]], dim=1)
    cache = Cache(len(net.blocks))
    with torch.inference_mode():
        full = model.transformer(previous, u=u)
        steps = [model.transformer(previous[:, i : i + 1], u=u, cache=cache) for i in range(model.length)]
        other = model.transformer(previous, u=Condition.of(torch.tensor([2, 2, 2])))
    assert not torch.allclose(full, other, atol=1e-2), "u does nothing"
    torch.testing.assert_close(torch.cat(steps, dim=1), full, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("conditioner", CONDITIONERS)
def test_only_the_masked_order_looks_ahead(conditioner: Conditioner) -> None:
    for order in ("raster", "masked"):
        model = conditional(conditioner, 1, 16, 16, order=order)
        net = as_if_trained(model)
        u = Condition.of(torch.tensor([0, 1]))
        known = torch.randint(0, net.codes, (2, model.length))
        changed = known.clone()
        changed[:, 7] = (changed[:, 7] + 1) % net.codes
        with torch.inference_mode():
            moved = (model.transformer(known, u=u) - model.transformer(changed, u=u)).abs().amax((0, 2))
        assert (moved[7:] > 1e-4).all()
        assert (moved[:7] > 1e-4).all() if order == "masked" else (moved[:7] < 1e-5).all()


def test_a_gate_closes_its_branch() -> None:
    """Without its branches the network mixes no positions."""

    class Closed(Adapter):
        def forward(self, h: torch.Tensor, c: Context) -> torch.Tensor:
            return torch.zeros_like(h)

    model = conditional(film.make(None), 1, 16, 16)
    net = as_if_trained(model)
    gates = [site for site in sites(net) if site.role == "branch"]
    assert len(gates) == len(net.blocks)
    for gate in gates:
        gate.fill(Closed())
    u = Condition.of(torch.tensor([0]))
    with torch.inference_mode():
        one, other = (model.transformer(torch.tensor([[first, 5, 6]]), u=u) for first in (1, 2))
    assert torch.equal(one[:, 1:], other[:, 1:])
    assert not torch.equal(one[:, 0], other[:, 0])


def test_probabilities_of_all_codes_add_up_to_one() -> None:
    model = conditional(film.make(None), 1, 8, 8, levels="3")
    assert isinstance(model, Autoregression)
    as_if_trained(model)
    every = torch.cartesian_prod(*[torch.arange(3)] * model.length)
    with torch.inference_mode():
        log_probabilities = model._log_probability(every, Condition.of(torch.full((len(every),), 2)))
    assert float(log_probabilities.exp().sum()) == pytest.approx(1.0, abs=1e-4)


def test_nothing_is_predicted_from_hidden_codes() -> None:
    """Then two changes of codes change the log probability by the sum of what either does."""
    model = conditional(film.make(None), 1, 8, 8)
    assert isinstance(model, Autoregression)
    as_if_trained(model)
    changes = torch.tensor([[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [1, 0, 1, 0]])
    codes, u = 5 + changes, Condition.of(torch.tensor([2, 2, 2, 2]))
    with torch.inference_mode():
        none, first, third, both = model._log_probability(codes, u, torch.ones_like(codes, dtype=torch.bool)).tolist()
        assert both - none == pytest.approx((first - none) + (third - none), abs=1e-3)
        none, first, third, both = model._log_probability(codes, u).tolist()
        assert both - none != pytest.approx((first - none) + (third - none), abs=1e-2)


def test_the_masked_order_learns_hidden_codes_only_and_hides_more_often_many() -> None:
    model = conditional(film.make(None), 1, 16, 16, order="masked")
    net = as_if_trained(model)
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    model.transformer.register_forward_hook(lambda module, args, out: seen.append((args[0], out)))
    codes, u = torch.randint(0, net.codes, (512, model.length)), Condition.of(torch.arange(512) % CLASSES)
    with torch.no_grad():
        loss = model.codes_loss(codes, torch.empty(0), u)
    ((known, logits),) = seen
    hidden = known == net.codes
    assert torch.equal(known[~hidden], codes[~hidden]) and hidden.any(1).all()
    torch.testing.assert_close(loss, F.cross_entropy(logits[hidden], codes[hidden]) * model.length)
    share = hidden.float().mean(1)
    assert float(share.mean()) == pytest.approx(2 / math.pi, abs=0.06)  # of a cosine; half a code more for rounding up
    assert share.min() < 0.15 and share.max() == 1


def test_the_masked_order_keeps_what_is_most_certain_along_a_cosine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ar, "_CHOICE_NOISE", 0.0)
    model = conditional(film.make(None), 1, 16, 16, order="masked", steps=4, temperature=1e-3)
    net = as_if_trained(model)
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    model.transformer.register_forward_hook(lambda module, args, out: seen.append((args[0], out)))
    with torch.inference_mode():
        codes = model.draw(Condition.of(torch.tensor([0, 1, 2])), torch.Generator().manual_seed(0))
    passes = [*(known for known, _ in seen), codes]
    for step, (before, after) in enumerate(pairwise(passes), start=1):
        unknown = after == net.codes
        assert unknown.sum(1).eq(math.floor(math.cos(math.pi / 2 * step / 4) * model.length)).all()
        kept = before != net.codes
        assert torch.equal(after[kept], before[kept]), "what is known stays"
        # At this temperature what is drawn is what is most probable.
        logits = seen[step - 1][1] / model.temperature
        certainty = logits.log_softmax(-1).amax(-1)
        fresh = ~kept & ~unknown
        assert torch.equal(after[fresh], logits.argmax(-1)[fresh])
        for row in range(3):
            if unknown[row].any():
                assert certainty[row][fresh[row]].min() >= certainty[row][unknown[row]].max()


def test_each_stage_warms_up_and_decays_by_itself() -> None:
    model = conditional(film.make(None), 1, 8, 8, codes_share=0.3)
    whole = [Model.learning_rate(model, "", own) for own in (0.0, 0.5, 1.0)]
    assert [model.learning_rate("codes", p) for p in (0.0, 0.15, 0.3)] == pytest.approx(whole)
    assert [model.learning_rate("transformer", p) for p in (0.3, 0.65, 1.0)] == pytest.approx(whole)


@pytest.mark.parametrize("order", ["raster", "masked"])
def test_it_learns_the_codes_then_freezes_them_and_draws_what_the_label_says(order: str) -> None:
    model = conditional(film.make(None), 1, 8, 8, order=order, steps=3)
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

    if isinstance(model, Autoregression):
        x, u = bars(100)
        wrong = Condition.of((u.parts[0] + 1) % CLASSES)
        right, less = (model.log_likelihood(x, v, torch.Generator()).mean() for v in (u, wrong))
        assert right > less + 1
        assert -right < 64 * math.log(256) / 4, "far better than any intensity anywhere"


@pytest.mark.parametrize("order", ["raster", "masked"])
def test_codes_are_drawn_at_the_temperature_and_guidance_is_read_at_every_call(order: str) -> None:
    model = conditional(film.make(None), 1, 8, 8, order=order, guidance=1.0, temperature=0.5)
    as_if_trained(model)
    u, known = Condition.of(torch.tensor([0, 3])), torch.randint(0, 12, (2, model.length))
    with torch.inference_mode():
        kept, dropped = (model.transformer(known, u=v) for v in (u, u.dropped()))
        model.guidance = 3.0
        torch.testing.assert_close(model.drawing_logits(known, u), 2 * (3 * kept - 2 * dropped), rtol=1e-4, atol=1e-4)
        x = model.sample(u, torch.Generator().manual_seed(0))
        model.guidance = 0.0
        torch.testing.assert_close(model.drawing_logits(known, u), 2 * dropped, rtol=1e-4, atol=1e-4)
    assert x.shape == (2, 1, 8, 8)


def test_colour_images_of_another_size() -> None:
    for order in ("raster", "masked"):
        model = conditional(in_context.make(None), 3, 32, 32, order=order)
        u = Condition.of(torch.tensor([0, 1]))
        for phase in ("codes", "transformer"):
            model.loss(phase, torch.rand(2, 3, 32, 32), u).backward()
        with torch.inference_mode():
            assert model.sample(u, torch.Generator().manual_seed(0)).shape == (2, 3, 32, 32)


def test_images_that_do_not_divide_into_patches_are_refused() -> None:
    with pytest.raises(UserError, match="multiples of 4"):
        conditional(film.make(None), 1, 30, 28)
