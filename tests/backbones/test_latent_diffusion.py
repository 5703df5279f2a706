"""Latent diffusion: a latent of unit scale that stays as it is, and a diffusion of it that obeys and can be steered."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from condbench.budget import Budget
from condbench.conditioning import Condition, Conditioned, ConditionEncoder
from condbench.errors import UserError
from condbench.model import Model
from condbench.specs import Domain, Task
from condbench.training import train
from condbench_plugins.backbones.latent_diffusion import LatentDiffusion, build
from condbench_plugins.conditioners import film
from condbench_plugins.encoders.table import Table
from condbench_plugins.networks.autoencoder import Autoencoder
from condbench_plugins.options import LatentDiffusionOptions

CLASSES = 4
OPTIONS = LatentDiffusionOptions(width=32, vector_width=32, autoencoder_width=32, autoencoder_share=0.3, steps=12)


def task(*shape: int) -> Task:
    return Task(Domain("image", shape), (Domain("class", (), CLASSES),))


def bars(count: int) -> tuple[Tensor, Condition]:
    """Class k is a bright row 2k of an 8 x 8 image."""
    labels = torch.randint(0, CLASSES, (count,))
    x = -torch.ones(count, 1, 8, 8)
    x[torch.arange(count), 0, 2 * labels] = 1.0
    return x, Condition.of(labels)


@pytest.fixture(scope="module")
def trained() -> LatentDiffusion:
    """Trained on bars; whether its autoencoder stays as it is in the second stage is looked at on the way."""
    torch.manual_seed(0)
    model = film.make(None).lift(
        lambda t, wrap: build(t, wrap, OPTIONS),
        task(1, 8, 8),
        lambda: ConditionEncoder([Table(CLASSES, 16)], 16),
    )
    assert isinstance(model, LatentDiffusion)
    frozen: dict[str, Tensor] = {}
    budget, seen = 64 * 200, [0]

    def batches() -> tuple[Tensor, Condition]:
        if model.phases(seen[0] / budget) == ("diffusion",) and not frozen:
            frozen.update({name: value.clone() for name, value in model.autoencoder.state_dict().items()})
        seen[0] += model.batch_size
        return bars(model.batch_size)

    train(
        model,
        iter(batches, None),
        Budget(samples=budget),
        condition_dropout=0.1,
        generator=torch.Generator().manual_seed(0),
        bf16=False,
    )
    assert frozen
    for name, value in model.autoencoder.state_dict().items():
        assert torch.equal(value, frozen[name]), name
    return model


def sample(model: LatentDiffusion, u: Condition) -> Tensor:
    with torch.inference_mode():
        return model.sample(u, torch.Generator().manual_seed(0))


def test_a_latent_has_unit_scale_in_every_channel() -> None:
    torch.manual_seed(0)
    autoencoder = Autoencoder((3, 16, 12), 2, 32)
    for _ in range(200):
        with torch.no_grad():
            autoencoder(torch.rand(16, 3, 16, 12) * 3, noise=0.2)
    z = autoencoder.encode(torch.rand(64, 3, 16, 12) * 3)
    assert z.shape == (64, 2, 4, 3) == (64, *autoencoder.latent_shape)
    torch.testing.assert_close(z.mean((0, 2, 3)), torch.zeros(2), atol=0.1, rtol=0)
    torch.testing.assert_close(z.std((0, 2, 3)), torch.ones(2), atol=0.1, rtol=0)
    assert autoencoder.decode(z).shape == (64, 3, 16, 12)


def test_each_stage_warms_up_and_decays_by_itself() -> None:
    model = build(task(1, 8, 8), Conditioned, OPTIONS)
    whole = [Model.learning_rate(model, "", own) for own in (0.0, 0.5, 1.0)]
    assert [model.learning_rate("autoencoder", p) for p in (0.0, 0.15, 0.3)] == pytest.approx(whole)
    assert [model.learning_rate("diffusion", p) for p in (0.3, 0.65, 1.0)] == pytest.approx(whole)


def test_a_size_that_cannot_be_halved_twice_is_refused() -> None:
    with pytest.raises(UserError, match="latent-diffusion halves images twice"):
        build(task(1, 30, 28), Conditioned, OPTIONS)


def test_it_draws_what_the_label_says(trained: LatentDiffusion) -> None:
    labels = torch.arange(CLASSES).repeat(25)
    x = sample(trained, Condition.of(labels))
    assert x.shape == (100, 1, 8, 8) and x.abs().max() <= 1
    assert torch.equal(sample(trained, Condition.of(labels)), x)
    painted = x[:, 0].mean(-1).argmax(-1)  # the brightest row
    assert (painted == 2 * labels).float().mean() > 0.95


def test_the_bound_is_one_of_a_probability_and_knows_what_u_says(trained: LatentDiffusion) -> None:
    x, u = bars(64)
    other = Condition.of((u.parts[0] + 1) % CLASSES)
    with torch.inference_mode():
        right, wrong = (trained.log_likelihood(x, each, torch.Generator().manual_seed(1)) for each in (u, other))
    assert right.shape == (64,) and right.dtype == torch.float32
    # Given its label an image is certain, at 0 nats; any other is all but impossible.
    assert -25 < float(right.mean()) < 0
    assert float(wrong.mean()) < float(right.mean()) - 25


def test_a_guide_and_the_scale_of_guidance_reach_the_sampler(trained: LatentDiffusion) -> None:
    u = Condition.of(torch.zeros(8, dtype=torch.int64))
    plain = sample(trained, u)
    noised, sigma = trained.noised(bars(8)[0])
    assert noised.shape == (8, *trained.autoencoder.latent_shape) and sigma.shape == (8,)

    trained.guidance = 3.0
    assert not torch.equal(sample(trained, u), plain)
    trained.guidance = 1.0

    seen = []

    def guide(z: Tensor, sigma: Tensor, u: Condition) -> Tensor:
        seen.append(z.shape)
        return -z / (1 + sigma**2).view(-1, 1, 1, 1)

    trained.guide = guide
    steered = sample(trained, u)
    trained.guide = None
    assert seen == [noised.shape] * OPTIONS.steps
    assert not torch.equal(steered, plain)
    assert torch.equal(sample(trained, u), plain)
