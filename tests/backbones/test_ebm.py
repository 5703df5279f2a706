"""The energy-based model: its dynamics against a closed form, its chains' conditions, and that it learns u."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from condbench.budget import Budget
from condbench.conditioning import Condition, Conditioned, ConditionEncoder, Context
from condbench.errors import UserError
from condbench.flops import count_flops
from condbench.specs import Domain, Task
from condbench.training import train
from condbench_plugins.backbones.ebm import Chains, Ebm, build
from condbench_plugins.conditioners import film
from condbench_plugins.encoders.table import Table
from condbench_plugins.options import EbmOptions

CLASSES = 4
OPTIONS = EbmOptions(width=16, chains=64, sampling_steps=60)


def task(*shape: int) -> Task:
    return Task(Domain("image", shape), (Domain("class", (), CLASSES),))


def conditional(*shape: int, joint: float = 0.0) -> Ebm:
    torch.manual_seed(0)
    options = OPTIONS.model_copy(update={"joint": joint})
    model = film.make(None).lift(
        lambda t, wrap: build(t, wrap, options), task(*shape), lambda: ConditionEncoder([Table(CLASSES, 16)], 16)
    )
    assert isinstance(model, Ebm)
    return model


def bars(count: int) -> tuple[Tensor, Condition]:
    """Class k is a bright row 2k of an 8 x 8 image, of any brightness above a half."""
    labels = torch.randint(0, CLASSES, (count,))
    x = -torch.ones(count, 1, 8, 8)
    x[torch.arange(count), 0, 2 * labels] = 0.5 + 0.5 * torch.rand(count, 1)
    return x, Condition.of(labels)


class Bowl(nn.Module):
    """E(x) = curvature |x|^2 / 2."""

    curvature = 0.05

    def forward(self, x: Tensor, c: Context | None) -> Tensor:
        return 0.5 * self.curvature * x.square().flatten(1).sum(1)


def test_langevin_in_a_bowl_reaches_its_stationary_variance() -> None:
    options = EbmOptions(step_size=10.0, noise=0.1)
    model = Ebm(Conditioned(Bowl()), task(1, 8, 8), options)
    torch.manual_seed(0)
    x = model.langevin(torch.zeros(256, 1, 8, 8), Condition.of(torch.zeros(256, dtype=torch.int64)), 30)
    decay = 1 - options.step_size * Bowl.curvature  # x' = decay x + noise n is a first-order autoregression
    assert float(x.var()) == pytest.approx(options.noise**2 / (1 - decay**2), rel=0.05)


def test_a_chain_keeps_the_condition_it_started_for() -> None:
    torch.manual_seed(0)
    size = Domain("image", (1, 2, 2))
    chains = Chains(Task(size, (Domain("class", (), 10), size)), 16)
    for _ in range(50):
        labels, kept = torch.randint(1, 10, (4,)), torch.rand(4) < 0.5
        fresh = labels[:, None, None, None].expand(4, 1, 2, 2).float()
        at = chains.draw(fresh, Condition((labels, fresh), kept), 0.3)
        assert len(at.unique()) == 4
    assert (chains.visits > 0).all()
    labels, image = chains.u.parts
    torch.testing.assert_close(chains.x, labels[:, None, None, None].expand(16, 1, 2, 2).float())
    torch.testing.assert_close(chains.x, image)


def test_chains_are_judged_and_moved_under_their_own_conditions() -> None:
    """The buffer holds chains of one class only, the batch images of another: neither may be taken for the other."""
    seen: list[tuple[Tensor, Tensor]] = []

    class Watched(Conditioned):
        def forward(self, *args: Tensor, u: Condition, **kwargs: Tensor) -> Tensor:
            seen.append((args[0].detach(), u.parts[0]))
            out: Tensor = super().forward(*args, u=u, **kwargs)
            return out

    model = Ebm(Watched(Bowl()), task(1, 8, 8), EbmOptions(chains=64, training_steps=1, restarts=0.0))
    model.loss("train", torch.zeros(64, 1, 8, 8), Condition.of(torch.full((64,), 3)))  # starts every chain for class 3
    seen.clear()
    model.loss("train", torch.ones(64, 1, 8, 8), Condition.of(torch.full((64,), 1)))
    (_, moved), (judged, labels) = seen
    assert moved.eq(3).all(), "a chain was moved under another's condition"
    assert judged[:64].mean() > 0.9, "real images come first"
    assert labels[:64].eq(1).all() and labels[64:].eq(3).all(), "a chain was judged under another's condition"


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_share_of_the_visited_chains_starts_anew(share: float) -> None:
    torch.manual_seed(0)
    chains = Chains(task(1, 2, 2), 512)
    u = Condition.of(torch.zeros(512, dtype=torch.int64))
    chains.draw(torch.zeros(512, 1, 2, 2), u, share)
    assert chains.visits.eq(1).all()
    chains.draw(torch.ones(512, 1, 2, 2), u, share)
    anew = chains.x.flatten(1).eq(1).all(1)
    assert float(anew.float().mean()) == pytest.approx(share, abs=0.06)
    assert torch.equal(chains.visits, 2 - anew.long())


class Flat(nn.Module):
    """An energy that leaves chains where they are; ``steep`` pushes every pixel down by a slope of its own."""

    steep = 0.0

    def forward(self, x: Tensor, c: Context | None) -> Tensor:
        return self.steep * x.flatten(1).sum(1)


def test_chains_start_as_the_pixels_of_all_of_training_vary_and_samples_nearer_to_their_mean() -> None:
    options = EbmOptions(chains=64, noise=0.0, training_steps=1, sampling_steps=1, start=0.5)
    model = Ebm(Conditioned(Flat()), task(1, 2, 1), options)
    torch.manual_seed(0)
    images = torch.full((4, 64, 1, 2, 1), -0.5)  # the upper pixel never varies
    images[:, :, 0, 1] = 0.2 * torch.randn(4, 64, 1)
    u = Condition.of(torch.zeros(64, dtype=torch.int64))
    for x in images:
        model.loss("train", x, u)
    seen = images.flatten(0, 1)
    torch.testing.assert_close(model.mean, seen.mean(0))
    many = Condition.of(torch.zeros(20_000, dtype=torch.int64))
    expected = torch.stack([torch.tensor([[0.1]]), seen.std(0)[:, 1]], dim=1)  # none varies less than a tenth
    for drawn, spread in ((model._start(20_000, None), 1.0), (model.sample(many, torch.Generator()), options.start)):
        torch.testing.assert_close(drawn.mean(0), model.mean, atol=0.01, rtol=0)
        torch.testing.assert_close(drawn.std(0), spread * expected, atol=0.005, rtol=0)


def test_a_step_follows_no_slope_further_than_its_bound() -> None:
    model = Ebm(Conditioned(Flat()), task(1, 2, 2), EbmOptions(noise=0.0, step_size=10.0))
    u = Condition.of(torch.zeros(1, dtype=torch.int64))
    for steep, moved in ((0.01, 0.1), (5.0, 0.3), (-5.0, -0.3)):
        model.energy.net.steep = steep
        x = model.langevin(torch.zeros(1, 1, 2, 2), u, 1)
        torch.testing.assert_close(x, torch.full_like(x, -moved))


def test_the_loss_is_the_difference_of_energies_and_what_their_squares_cost() -> None:
    energies: list[Tensor] = []
    model = Ebm(Conditioned(Bowl()), task(1, 8, 8), EbmOptions(chains=64, energy_penalty=0.7, restarts=0.0))
    model.energy.register_forward_hook(lambda module, args, out: energies.append(out))
    loss = model.loss("train", torch.ones(64, 1, 8, 8), Condition.of(torch.zeros(64, dtype=torch.int64)))
    real, chains = energies[-1].chunk(2)
    assert real.mean() > chains.mean() + 0.1
    torch.testing.assert_close(loss, real.mean() - chains.mean() + 0.7 * energies[-1].square().mean())


def test_langevin_pays_for_the_gradient_of_images_only() -> None:
    model = conditional(1, 8, 8)
    x, u = bars(8)
    with count_flops() as forward, torch.no_grad():
        model.energy(x, u=u)
    with count_flops() as moved:
        model.langevin(x, u, 5)
    assert moved.total <= 5 * 2 * forward.total
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_joint_energy_compares_with_other_classes_where_u_is_kept() -> None:
    seen: list[Condition] = []

    class Watched(Conditioned):
        def forward(self, *args: Tensor, u: Condition, **kwargs: Tensor) -> Tensor:
            seen.append(u)
            out: Tensor = super().forward(*args, u=u, **kwargs)
            return out

    options = EbmOptions(chains=64, training_steps=1, joint=1.0)
    model = Ebm(Watched(Bowl()), task(1, 8, 8), options)
    u = Condition(Condition.of(torch.arange(64) % CLASSES).parts, torch.arange(64) % 2 == 0)
    model.loss("train", torch.zeros(64, 1, 8, 8), u)
    labels, wrong = seen[-1].parts[0][:64], seen[-1].parts[0][128:]
    assert wrong.ne(labels).all() and set(wrong.tolist()) == set(range(CLASSES))
    assert torch.equal(seen[-1].kept[128:], u.kept)


def test_a_joint_energy_needs_a_class() -> None:
    captions = Task(Domain("image", (1, 8, 8)), (Domain("tokens", (4,), 10),))
    with pytest.raises(UserError, match="tokens; set joint=0"):
        build(captions, Conditioned, EbmOptions(joint=1.0))


@pytest.mark.parametrize("joint", [0.0, 1.0])
def test_trains_to_images_that_obey_the_label(joint: float) -> None:
    model = conditional(1, 8, 8, joint=joint)

    def batches() -> Iterator[tuple[Tensor, Condition]]:
        while True:
            yield bars(32)

    train(
        model,
        batches(),
        Budget(samples=32 * 80),
        condition_dropout=0.1,
        generator=torch.Generator().manual_seed(0),
        bf16=False,
    )
    u = Condition.of(torch.arange(CLASSES).repeat(16))
    with torch.inference_mode():
        brightest = model.sample(u, torch.Generator().manual_seed(0)).mean((1, 3)).argmax(1)
    assert (brightest == 2 * u.parts[0]).float().mean() > 0.9
    if joint:
        x, u = bars(64)
        energies = torch.stack([model.energy(x, u=Condition.of(torch.full((64,), k))) for k in range(CLASSES)], dim=1)
        assert (energies.argmin(1) == u.parts[0]).float().mean() > 0.9, "p(u|x) does not know the label"


def test_the_state_dict_and_the_seed_decide_samples_of_any_shape() -> None:
    model = conditional(3, 32, 32)
    x, u = torch.rand(4, 3, 32, 32) * 2 - 1, Condition.of(torch.arange(4))
    model.loss("train", x, u)
    copy = conditional(3, 32, 32)
    copy.load_state_dict(model.state_dict())
    with torch.inference_mode():
        u = u[torch.arange(4)]  # made in inference mode, as a router of labels makes it
        first, again, other = (
            m.sample(u, torch.Generator().manual_seed(s)) for m, s in ((model, 1), (copy, 1), (copy, 2))
        )
    assert first.shape == x.shape
    assert first.abs().max() <= 1
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
