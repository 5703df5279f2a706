"""The variational autoencoder: its bound against closed forms, and that the label decides what it paints."""

from __future__ import annotations

import pytest
import torch
from torch import distributions

from condbench.budget import Budget
from condbench.conditioning import Condition, Conditioned, ConditionEncoder
from condbench.specs import Domain, Task
from condbench.training import train
from condbench_plugins.backbones.vae import VariationalAutoencoder, build
from condbench_plugins.conditioners import film
from condbench_plugins.encoders.table import Table
from condbench_plugins.networks.mixture import Mixture
from condbench_plugins.options import VaeOptions

CLASSES = 4
OPTIONS = VaeOptions(width=32, encoder_width=32, latent=2, prior="standard")
LEARNED_PRIOR = OPTIONS.model_copy(update={"prior": "conditional"})


def task(*shape: int) -> Task:
    return Task(Domain("image", shape), (Domain("class", (), CLASSES),))


def conditional(of: Task, options: VaeOptions = OPTIONS) -> VariationalAutoencoder:
    torch.manual_seed(0)
    model = film.make(None).lift(
        lambda t, wrap: build(t, wrap, options), of, lambda: ConditionEncoder([Table(CLASSES, 16)], 16)
    )
    assert isinstance(model, VariationalAutoencoder)
    return model


def bars(count: int) -> tuple[torch.Tensor, Condition]:
    """Class k is a bright row 2k of an 8 x 8 image, of any brightness above a half."""
    labels = torch.randint(0, CLASSES, (count,))
    x = -torch.ones(count, 1, 8, 8)
    x[torch.arange(count), 0, 2 * labels] = torch.rand(count, 1)
    return x, Condition.of(labels)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32)])
def test_the_bound_is_a_bernoulli_likelihood_and_the_ratio_of_posterior_and_prior(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    model = build(task(*shape), Conditioned, OPTIONS)
    x = torch.where(torch.rand(3, *shape) < 0.5, -1.0, 1.0)
    u = Condition.of(torch.zeros(3, dtype=torch.int64))
    mean, log_variance = model.encoder(x.flatten(1), u=u).chunk(2, dim=-1)
    posterior = distributions.Normal(mean, (0.5 * log_variance).exp())

    torch.manual_seed(1)
    distortion, rate = model.bound(x, u)
    torch.manual_seed(1)
    z = Mixture.normal(mean, log_variance).draw()

    likelihood = distributions.Bernoulli(logits=model.decoder(z, u=u)).log_prob((x.flatten(1) + 1) / 2)
    ratio = posterior.log_prob(z) - distributions.Normal(0.0, 1.0).log_prob(z)
    torch.testing.assert_close(distortion, -likelihood.sum(-1))
    torch.testing.assert_close(rate, ratio.sum(-1))


def test_a_conditional_prior_is_what_the_bound_and_the_samples_go_by() -> None:
    """Moved far off for one label only, the prior takes samples along and makes that label's images improbable."""
    model = conditional(task(1, 8, 8), LEARNED_PRIOR)
    x, _ = bars(4)
    u = Condition.of(torch.tensor([0, 1, 0, 1]))
    assert model.prior is not None
    with torch.inference_mode():
        parameters = model.prior(4, u=u)
        torch.testing.assert_close(parameters[0], parameters[1])  # neutral at first

        for parameter in model.prior.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        parameters = model.prior(4, u=u)
        assert (parameters[0] - parameters[1]).abs().max() > 0.1, "deaf to u"
        mixture = Mixture(parameters[..., 0], parameters[..., 1:3], parameters[..., 3:])
        z = mixture.draw(torch.Generator().manual_seed(3))
        drawn = model.sample(u, torch.Generator().manual_seed(3))
        torch.testing.assert_close(drawn.flatten(1), model.decoder(z, u=u).sigmoid() * 2 - 1)

        torch.manual_seed(1)
        rate = model.bound(x, u)[1]
        torch.manual_seed(1)
        posterior = Mixture.normal(*model.encoder(x.flatten(1), u=u).chunk(2, dim=-1))
        z = posterior.draw()
        torch.testing.assert_close(rate, posterior.log_prob(z) - mixture.log_prob(z))


def test_the_likelihood_is_bounded_from_below_and_tight_where_the_posterior_is_exact() -> None:
    """A decoder deaf to z: then log P(x|u) is what the table says, and the exact posterior is the prior."""
    model = conditional(task(1, 8, 8))
    x, u = bars(64)
    model.bound(x, u)  # counts
    with torch.inference_mode():
        for name, parameter in model.named_parameters():
            if name == "decoder.net.first.weight" or name.startswith("encoder.net.last."):
                parameter.zero_()
        exact = model.intensities.log_prob(model.decoder(torch.zeros(64, 2), u=u), x.flatten(1))
        tight = model.log_likelihood(x, u, torch.Generator().manual_seed(0))
        model.encoder.net.last.bias.copy_(torch.tensor([1.5, -1.0, 0.0, 0.0]))
        bound = model.log_likelihood(x, u, torch.Generator().manual_seed(0))
    torch.testing.assert_close(tight, exact)
    assert bound.shape == (64,) and bound.dtype == torch.float32
    assert float(exact.mean()) - 1.625 < float(bound.mean()) < float(exact.mean())  # above the bound of one draw


def test_the_divergence_weighs_more_at_first_and_less_afterwards() -> None:
    model = conditional(task(1, 8, 8))
    x, u = bars(16)
    weights = []
    for progress in (0.0, 1.0):
        torch.manual_seed(1)
        distortion, rate = model.bound(x, u)
        torch.manual_seed(1)
        loss = model.loss(model.phases(progress)[0], x, u)
        weights.append(float(((loss - distortion.mean()) / rate.mean()).detach()))
    assert weights == pytest.approx([4.0, 0.5], rel=1e-3)


def test_it_learns_to_paint_what_the_label_says() -> None:
    model = conditional(task(1, 8, 8))
    batches = iter(lambda: bars(64), None)
    train(
        model,
        batches,
        Budget(samples=64 * 150),
        condition_dropout=0.1,
        generator=torch.Generator().manual_seed(0),
        bf16=False,
    )
    labels = torch.arange(CLASSES).repeat(25)
    with torch.inference_mode():
        x = model.sample(Condition.of(labels), torch.Generator().manual_seed(0))
        again = model.sample(Condition.of(labels), torch.Generator().manual_seed(0))
    assert x.shape == (100, 1, 8, 8)
    assert x.abs().max() <= 1
    assert torch.equal(x, again)
    painted = x[:, 0].mean(-1).argmax(-1)  # the brightest row
    assert (painted == 2 * labels).float().mean() > 0.95
