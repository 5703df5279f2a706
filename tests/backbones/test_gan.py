"""The adversarial networks: who trains whom, their penalty against autograd, and that they learn u."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch
from torch.nn import functional as F

from condbench.budget import Budget
from condbench.conditioning import Condition, Conditioned, ConditionEncoder, Wrap
from condbench.specs import Domain, Task
from condbench.training import train
from condbench_plugins.backbones import gan, stylegan
from condbench_plugins.conditioners import film
from condbench_plugins.encoders.table import Table
from condbench_plugins.networks.adversarial import AdversarialModel
from condbench_plugins.options import GanOptions, StyleGanOptions

CLASSES = 4
SMALL = {"width": 16, "fine_width": 8, "latent": 4}
Build = Callable[[Task, Wrap], AdversarialModel]


def build_gan(task: Task, wrap: Wrap, **options: float) -> AdversarialModel:
    return gan.build(task, wrap, GanOptions(**SMALL | options))


def build_stylegan(task: Task, wrap: Wrap) -> AdversarialModel:
    return stylegan.build(task, wrap, StyleGanOptions(**SMALL))


BUILDS = pytest.mark.parametrize("build", [build_gan, build_stylegan], ids=["gan", "stylegan"])


def task(*shape: int) -> Task:
    return Task(Domain("image", shape), (Domain("class", (), CLASSES),))


def conditional(build: Build, *shape: int) -> AdversarialModel:
    torch.manual_seed(0)
    model = film.make(None).lift(build, task(*shape), lambda: ConditionEncoder([Table(CLASSES, 16)], 16))
    assert isinstance(model, AdversarialModel)
    return model


def bars(count: int) -> tuple[torch.Tensor, Condition]:
    """Class k is a bright row 2k of an 8 x 8 image, of any brightness above a half."""
    labels = torch.randint(0, CLASSES, (count,))
    x = -torch.ones(count, 1, 8, 8)
    x[torch.arange(count), 0, 2 * labels] = 0.5 + 0.5 * torch.rand(count, 1)
    return x, Condition.of(labels)


@BUILDS
def test_each_phase_moves_its_own_network_only(build: Build) -> None:
    model = conditional(build, 1, 8, 8)
    x, u = bars(8)
    for phase, mine, other in [
        ("discriminator", model.discriminator, model.generator),
        ("generator", model.generator, model.discriminator),
    ]:
        other.requires_grad_(False)
        model.loss(phase, x, u).backward()
        other.requires_grad_(True)
        assert {id(p) for p in model.phase_parameters(phase)} == {id(p) for p in mine.parameters()}
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in mine.parameters())
        assert all(p.grad is None for p in other.parameters())
        model.zero_grad(set_to_none=True)


def test_the_penalty_is_the_squared_gradient_at_real_images() -> None:
    weight = 0.7
    x, u = bars(1)
    x, u = x.repeat(4096, 1, 1, 1), u.repeat(4096)
    plain = conditional(partial(build_gan, gradient_penalty=0), 1, 8, 8)
    penalised = conditional(partial(build_gan, gradient_penalty=weight), 1, 8, 8)
    with torch.no_grad():
        torch.manual_seed(1)
        without = plain.loss("discriminator", x, u)
        torch.manual_seed(1)
        within = penalised.loss("discriminator", x, u)
    point = x[:1].clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(plain.discriminator(point, u=u[:1]).sum(), point)
    assert float((within - without) / weight) == pytest.approx(float(gradient.square().sum()), rel=0.1)


@BUILDS
def test_real_and_generated_images_of_one_condition_are_compared_in_pairs(build: Build) -> None:
    """The relativistic losses, and what the discriminator was asked for them."""
    model = conditional(build, 1, 8, 8)
    model.gradient_penalty = 0.0
    asked: list[tuple[torch.Tensor, Condition, torch.Tensor]] = []
    model.discriminator.register_forward_hook(
        lambda module, args, kwargs, out: asked.append((args[0], kwargs["u"], out)), with_kwargs=True
    )
    x, u = bars(8)
    loss = model.loss("discriminator", x, u)
    ((images, given, scores),) = asked
    real, fake, _ = scores.chunk(3)
    assert torch.equal(images[:8], x) and torch.equal(given.parts[0], u.parts[0].repeat(3))
    torch.testing.assert_close(loss, F.softplus(fake - real).mean())
    asked.clear()
    loss = model.loss("generator", x, u)
    (images, of_real, real), (_, of_fake, fake) = asked
    assert torch.equal(images, x) and torch.equal(of_real.parts[0], of_fake.parts[0])
    torch.testing.assert_close(loss, F.softplus(real - fake).mean())


@BUILDS
def test_trains_to_images_that_obey_the_label(build: Build) -> None:
    model = conditional(build, 1, 8, 8)

    def batches() -> Iterator[tuple[torch.Tensor, Condition]]:
        while True:
            yield bars(model.batch_size)

    train(
        model,
        batches(),
        Budget(samples=32 * 150),
        condition_dropout=0.1,
        generator=torch.Generator().manual_seed(0),
        bf16=False,
    )
    u = Condition.of(torch.arange(CLASSES).repeat(16))
    with torch.inference_mode():
        brightest = model.sample(u, torch.Generator().manual_seed(0)).mean((1, 3)).argmax(1)
    assert (brightest == 2 * u.parts[0]).float().mean() > 0.9


@BUILDS
def test_samples_of_any_shape_are_decided_by_the_seed_and_stay_in_range(build: Build) -> None:
    torch.manual_seed(0)
    model = build(task(3, 32, 32), Conditioned)
    u = Condition.of(torch.arange(CLASSES))
    first, again, other = (model.sample(u, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first.shape == (CLASSES, 3, 32, 32)
    assert first.abs().max() <= 1
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.isfinite(model.loss("discriminator", first.detach(), u))
