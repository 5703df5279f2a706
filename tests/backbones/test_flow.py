"""Flow matching: the loss is least at the exact velocity, and learning obeys the label."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from condbench.budget import Budget
from condbench.conditioning import Condition, ConditionEncoder
from condbench.specs import Domain, Task
from condbench.training import train
from condbench_plugins.backbones.flow import Flow, build
from condbench_plugins.conditioners import film
from condbench_plugins.encoders.table import Table
from condbench_plugins.options import FlowOptions

MEAN, DEVIATION = -0.7, 0.3


class GaussianVelocity(nn.Module):
    """The velocity E[x - noise | x_t] for data of MEAN and DEVIATION."""

    def forward(self, x: Tensor, t: Tensor, u: Condition) -> Tensor:
        t = t[:, None, None, None]
        variance = t**2 * DEVIATION**2 + (1 - t) ** 2
        return MEAN + (t * DEVIATION**2 - (1 - t)) / variance * (x - t * MEAN)


class Scaled(nn.Module):
    """Another velocity, wrong by a factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.exact, self.factor = GaussianVelocity(), factor

    def forward(self, x: Tensor, t: Tensor, u: Condition) -> Tensor:
        v: Tensor = self.factor * self.exact(x, t, u)
        return v


def test_the_loss_is_least_at_the_exact_velocity() -> None:
    x = MEAN + DEVIATION * torch.randn(512, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    u = Condition.of(torch.zeros(512, dtype=torch.long))
    losses = []
    for factor in (0.9, 1.0, 1.1):
        torch.manual_seed(0)
        losses.append(float(Flow(Scaled(factor), (1, 8, 8), steps=2).loss("train", x, u)))
    assert losses[1] < min(losses[0], losses[2])


def bars(count: int) -> tuple[Tensor, Condition]:
    """Class k is a bright row 2k of an 8 x 8 image in three channels."""
    labels = torch.randint(0, 4, (count,))
    x = -torch.ones(count, 3, 8, 8)
    x[torch.arange(count), :, 2 * labels] = 1.0
    return x, Condition.of(labels)


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_it_learns_to_obey_the_label_and_repeats_its_samples(guidance: float) -> None:
    torch.manual_seed(0)
    task = Task(Domain("image", (3, 8, 8)), (Domain("class", (), 4),))
    options = FlowOptions(width=16, steps=8, guidance=guidance)
    model = film.make(None).lift(
        lambda t, wrap: build(t, wrap, options), task, lambda: ConditionEncoder([Table(4, 16)], 16)
    )
    batches = iter(lambda: bars(32), None)
    generator = torch.Generator().manual_seed(0)
    train(model, batches, Budget(samples=4800), condition_dropout=0.1, generator=generator, bf16=False)
    u = Condition.of(torch.arange(40) % 4)
    with torch.inference_mode():
        x, again = (model.sample(u, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(x, again)
    brightest_row = x.mean((1, 3)).argmax(1)
    assert (brightest_row == 2 * u.parts[0]).float().mean() > 0.9
