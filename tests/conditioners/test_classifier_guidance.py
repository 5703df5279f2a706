"""Classifier guidance: against a posterior that is known, and what it passes on of the model that it steers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
import torch
from torch import Tensor, nn

from condbench.budget import Budget
from condbench.condition import Condition
from condbench.conditioning import Conditioned
from condbench.errors import UserError
from condbench.model import ScoreModel
from condbench.specs import Domain, Task
from condbench.training import train
from condbench_plugins.conditioners.classifier_guidance import Steered, make
from condbench_plugins.networks.noisy_classifier import NoisyClassifier

SHAPE = (1, 8, 8)
TASK = Task(Domain("image", SHAPE), (Domain("class", (), 2),))
SIGN = torch.tensor([-1.0, 1.0])
MEAN = 0.2  # all pixels of class 0 are at -MEAN, all of class 1 at +MEAN


class TwoPoints(ScoreModel):
    """The exact, unconditional model of two images. A parameter that does nothing gives it something to train."""

    batch_size = 64
    likelihood = "exact"
    guidance = 1.0

    def __init__(self, net: Conditioned) -> None:
        super().__init__()
        self.net = net

    def noised(self, x: Tensor) -> tuple[Tensor, Tensor]:
        sigma = (torch.rand(len(x)) * 4 - 2).exp()
        return x + sigma[:, None, None, None] * torch.randn_like(x), sigma

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        return self.net(x, u=u).square().mean()

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """Euler steps along the score of P(z), and of P(u|z) where there is a guide."""
        sigmas = torch.logspace(1, -1, 15)
        z = sigmas[0] * torch.randn(len(u), *SHAPE, generator=generator)
        for sigma, smaller in zip(sigmas, [*sigmas[1:], torch.tensor(0.0)], strict=True):
            data = MEAN * torch.tanh(MEAN * z.sum((1, 2, 3), keepdim=True) / sigma**2).expand_as(z)
            if self.guide is not None:
                data = data + sigma**2 * self.guide(z, sigma.expand(len(z)), u)
            z = data + smaller / sigma * (z - data)
        return z


class Gain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor, c: object) -> Tensor:
        return self.gain * x


class LogOdds(nn.Module):
    """The form that the posterior of `TwoPoints` has; how steep it is, is to be learned."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.zeros(1))

    def forward(self, z: Tensor, sigma: Tensor) -> Tensor:
        half = 10 * self.gain * z.sum((1, 2, 3)) / sigma**2
        return torch.stack([-half, half], dim=1)


def steered() -> Steered:
    torch.manual_seed(0)
    model = make(None).lift(lambda task, wrap: TwoPoints(wrap(Gain())), TASK, lambda: pytest.fail("no u to encode"))
    assert isinstance(model, Steered)
    return model


def batches() -> Iterator[tuple[Tensor, Condition]]:
    generator = torch.Generator().manual_seed(0)
    while True:
        labels = torch.randint(2, (64,), generator=generator)
        yield (MEAN * SIGN[labels]).view(-1, 1, 1, 1).expand(64, *SHAPE).contiguous(), Condition.of(labels)


@pytest.fixture(scope="module")
def trained() -> Steered:
    model = Steered(TwoPoints(Conditioned(Gain())), LogOdds())
    torch.manual_seed(1)
    train(
        model,
        batches(),
        Budget(samples=64 * 300),
        condition_dropout=0.1,
        generator=torch.Generator().manual_seed(2),
        bf16=False,
    )
    return model


def test_the_gradient_is_that_of_the_posterior(trained: Steered) -> None:
    """log P(1|z) = log sigmoid(2 m sum(z) / sigma^2), so its gradient is 2 m / sigma^2 * P(0|z) in every pixel."""
    u = Condition.of(torch.arange(2).repeat(200))
    sigma = torch.full((400,), 1.5)
    sign = SIGN[u.parts[0]]
    z = (MEAN * sign).view(-1, 1, 1, 1) + 1.5 * torch.randn(400, *SHAPE)
    slope = 2 * MEAN / sigma**2
    wrong = torch.sigmoid(-sign * slope * z.sum((1, 2, 3)))
    assert trained.model.guide is not None
    with torch.inference_mode():
        found = trained.model.guide(z, sigma, u).mean((1, 2, 3))
    expected = sign * slope * wrong
    torch.testing.assert_close(found, expected, atol=0.02, rtol=0.1)


def test_samples_obey_u_and_without_it_they_are_unconditional(trained: Steered) -> None:
    u = Condition.of(torch.arange(2).repeat(40))

    def positive(u: Condition) -> Tensor:
        with torch.inference_mode():
            return trained.sample(u[torch.arange(len(u))], torch.Generator().manual_seed(0)).mean((1, 2, 3)) > 0

    assert (positive(u) == u.parts[0].bool()).float().mean() > 0.95
    plain = positive(u.dropped())
    assert 0.4 < plain.float().mean() < 0.6
    trained.guidance = 0.0
    assert torch.equal(positive(u), plain)
    trained.guidance = 1.0


def test_guidance_scales_the_gradient(trained: Steered) -> None:
    z, sigma, u = torch.randn(4, *SHAPE), torch.ones(4), Condition.of(torch.tensor([0, 1, 0, 1]))
    assert trained.model.guide is not None
    once = trained.model.guide(z, sigma, u)
    trained.guidance = 3.0
    torch.testing.assert_close(trained.model.guide(z, sigma, u), 3 * once)
    trained.guidance = 1.0


def test_dropped_conditions_teach_the_classifier_nothing() -> None:
    model = steered()
    with torch.no_grad():
        model.classifier.last.weight.normal_()
    x, u = next(batches())
    u = Condition(u.parts, torch.arange(64) < 32)
    other = Condition((torch.where(u.kept, u.parts[0], 1 - u.parts[0]),), u.kept)
    torch.manual_seed(0)
    loss = model.loss("classifier", x, u)
    torch.manual_seed(0)
    torch.testing.assert_close(model.loss("classifier", x, other), loss)
    assert model.loss("classifier", x, u.dropped()) == 0


class TwoStages(TwoPoints):
    """A first stage that finds z, and says of everything that it was asked."""

    def __init__(self, net: Conditioned) -> None:
        super().__init__(net)
        self.first = nn.Parameter(torch.zeros(1))
        self.stepped: list[str] = []

    def phases(self, progress: float) -> tuple[str, ...]:
        return ("first",) if progress < 0.5 else ("second",)

    def phase_parameters(self, phase: str) -> Iterable[nn.Parameter]:
        return [self.first] if phase == "first" else self.net.parameters()

    def optimizers(self, phase: str) -> list[torch.optim.Optimizer]:
        return [torch.optim.SGD(self.phase_parameters(phase), lr=0.5)]

    def learning_rate(self, phase: str, progress: float) -> float:
        return {"first": 0.25, "second": 0.75}[phase]

    def averaged_parameters(self) -> Iterable[nn.Parameter]:
        return self.net.parameters()

    def after_step(self, phase: str) -> None:
        self.stepped.append(phase)


def test_everything_is_passed_on() -> None:
    inner = TwoStages(Conditioned(Gain()))
    inner.guidance = 2.5
    model = Steered(inner, NoisyClassifier(SHAPE, 2))
    own = set(model.classifier.parameters())
    assert model.batch_size == 64 and model.likelihood == ""
    assert model.guidance == 2.5 and inner.guidance is None
    assert model.phases(0.0) == ("first",), "z may not be what it will be yet"
    assert model.phases(0.5) == ("second", "classifier")
    assert set(model.phase_parameters("first")) == {inner.first}
    assert set(model.phase_parameters("classifier")) == own
    assert set(model.averaged_parameters()) == own | set(inner.net.parameters())
    assert [o.defaults["lr"] for o in model.optimizers("second")] == [0.5]
    assert {p for o in model.optimizers("classifier") for g in o.param_groups for p in g["params"]} == own
    assert model.learning_rate("first", 0.1) == 0.25
    assert model.learning_rate("classifier", 0.6) == model.learning_rate("second", 0.6) == 0.75
    for phase in ("first", "second", "classifier"):
        model.after_step(phase)
    assert inner.stepped == ["first", "second"]


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (4, 7, 7)])
def test_the_classifier_takes_images_and_latents(shape: tuple[int, ...]) -> None:
    classifier = NoisyClassifier(shape, 10)
    assert classifier(torch.randn(2, *shape), torch.tensor([0.01, 80.0])).shape == (2, 10)


def test_shapes_that_it_does_not_suit() -> None:
    with pytest.raises(UserError, match="multiples of 4, not 30 x 30"):
        NoisyClassifier((1, 30, 30), 10)
    with pytest.raises(UserError, match=r"shape \(C, H, W\), not \(49, 16\)"):
        NoisyClassifier((49, 16), 10)
