"""The normalizing flow: its network against autograd, density and bound where both are known, and what it learns."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from condbench.budget import Budget
from condbench.conditioning import Condition, ConditionEncoder
from condbench.errors import UserError
from condbench.specs import Domain, Task
from condbench.training import train
from condbench_plugins.backbones.nf import NormalizingFlow, build
from condbench_plugins.conditioners import film
from condbench_plugins.encoders.table import Table
from condbench_plugins.networks.bound import log_probability
from condbench_plugins.networks.wavelet_flow import WaveletFlow, double, halve
from condbench_plugins.options import NfOptions

CLASSES = 4


def conditional(*shape: int, **options: float) -> NormalizingFlow:
    torch.manual_seed(0)
    task = Task(Domain("image", shape), (Domain("class", (), CLASSES),))
    chosen = NfOptions.model_validate({"width": 32, "fine_width": 32, **options})
    model = film.make(None).lift(
        lambda task, wrap: build(task, wrap, chosen), task, lambda: ConditionEncoder([Table(CLASSES, 16)], 16)
    )
    assert isinstance(model, NormalizingFlow)
    return model


def randomise(model: torch.nn.Module) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))


def test_the_pyramid() -> None:
    x = torch.randn(2, 3, 8, 4)
    coarse, details = halve(x)
    torch.testing.assert_close(coarse, torch.nn.functional.avg_pool2d(x, 2))
    torch.testing.assert_close(double(coarse, details), x)
    flat, none = halve(torch.full((1, 1, 4, 4), 0.5))
    assert flat.eq(0.5).all() and none.eq(0).all()


def test_the_network_is_invertible_and_its_volumes_are_autograds() -> None:
    model = conditional(2, 8, 4).double()
    randomise(model)
    u = Condition.of(torch.tensor([2]))
    x = torch.randn(1, 2, 8, 4, dtype=torch.double)
    z, log_volume = model.net(x, u=u)
    jacobian = torch.autograd.functional.jacobian(lambda x: model.net(x, u=u)[0], x).view(64, 64)
    torch.testing.assert_close(log_volume[0], torch.linalg.slogdet(jacobian).logabsdet.float(), atol=1e-4, rtol=0)
    back, _ = model.net(z, u=u, inverse=True)
    torch.testing.assert_close(back, x, atol=1e-4, rtol=0)


def test_where_the_density_is_known_so_are_the_denoised_image_and_the_bound() -> None:
    """All images are one grey: the flow is set to their noise exactly, and nothing is left to pay."""
    model = conditional(1, 8, 8)
    net = model.net.net
    assert isinstance(net, WaveletFlow)
    with torch.no_grad():
        for level, halvings in ((net.fine, 0), (net.middle, 1), (net.coarse, 2)):
            level.log_deviation.fill_(math.log(model.noise / 2**halvings))  # a mean of four has half their deviation
    x, u = torch.full((5, 1, 8, 8), 1 / 255), Condition.of(torch.arange(5) % CLASSES)
    y = model.noise * torch.randn(5, 1, 8, 8)
    normal = torch.distributions.Normal(0.0, model.noise)
    torch.testing.assert_close(model.log_density(y, u), normal.log_prob(y).sum((1, 2, 3)))
    with torch.inference_mode():
        drawn = model.sample(u, torch.Generator().manual_seed(0))
        bound = model.log_likelihood(torch.zeros(5, 1, 8, 8), u, torch.Generator().manual_seed(0))
    assert drawn.abs().max() < 1e-5, "all noise is taken off"
    torch.testing.assert_close(bound, log_probability(torch.zeros(5, 1, 8, 8), torch.zeros(5, 1, 8, 8)))
    assert model.log_likelihood(x, u, torch.Generator().manual_seed(0)).isfinite().all()


def bars(count: int) -> tuple[Tensor, Condition]:
    """Class k has its bright row at 2 k."""
    labels = torch.randint(CLASSES, (count,))
    x = torch.full((count, 1, 8, 8), -1.0)
    x[torch.arange(count), 0, 2 * labels] = 1.0
    return x, Condition.of(labels)


def test_trains_to_images_that_obey_the_label_and_to_a_likelihood_that_knows_it() -> None:
    model = conditional(1, 8, 8)

    def batches() -> Iterator[tuple[Tensor, Condition]]:
        while True:
            yield bars(64)

    train(
        model,
        batches(),
        Budget(samples=64 * 200),
        condition_dropout=0.1,
        generator=torch.Generator().manual_seed(0),
        bf16=True,
    )
    u = Condition.of(torch.arange(CLASSES).repeat(16))
    with torch.inference_mode():
        brightest = model.sample(u, torch.Generator().manual_seed(0)).mean((1, 3)).argmax(1)
    assert (brightest == 2 * u.parts[0]).float().mean() > 0.8
    x, own = bars(32)
    other = Condition.of((own.parts[0] + 1) % CLASSES)
    generator = torch.Generator().manual_seed(0)
    known, mistaken = (model.log_likelihood(x, u, generator) for u in (own, other))
    assert (known > mistaken).float().mean() > 0.8
    assert known.lt(0).all(), "a probability is below one"


def test_colour_the_seed_and_the_state_dict() -> None:
    model = conditional(3, 32, 32)
    randomise(model)
    u = Condition.of(torch.arange(4))
    copy = conditional(3, 32, 32)
    copy.load_state_dict(model.state_dict())
    with torch.inference_mode():
        first, again, other = (
            m.sample(u, torch.Generator().manual_seed(s)) for m, s in ((model, 1), (copy, 1), (copy, 2))
        )
    assert first.shape == (4, 3, 32, 32)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_size_that_cannot_be_halved_twice() -> None:
    with pytest.raises(UserError, match="multiples of 4, not 28 x 30"):
        conditional(1, 28, 30)
