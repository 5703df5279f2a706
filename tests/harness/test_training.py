"""The loop that trains everything: budgets, determinism, averaging, dropping, batches."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from condbench.average import Average
from condbench.batches import Batches, from_model_range, to_model_range
from condbench.budget import Budget
from condbench.conditioning import Build, Condition
from condbench.data import Split
from condbench.errors import Diverged
from condbench.flops import count_flops
from condbench.model import Model
from condbench.specs import Domain, Task
from condbench.training import train
from condbench_plugins.conditioners import film, label_sampling, none
from tests.toys import CLASSES, TASK, ConvNet, ToyModel, build_conv, make_encoder

SPLIT = Split(
    x=np.random.default_rng(0).integers(0, 256, (103, 1, 8, 8), dtype=np.uint8),
    u=(np.arange(103, dtype=np.int64) % CLASSES,),
)


def stream(model: Model, seed: int = 0, **options):
    generator = torch.Generator().manual_seed(seed)
    return iter(Batches(SPLIT, TASK, model.batch_size, generator, device=torch.device("cpu"), **options))


def trained(budget: Budget, seed: int = 0, model: Model | None = None, **options):
    torch.manual_seed(seed)
    model = model or film.make(None).lift(build_conv, TASK, make_encoder)
    arguments = {"condition_dropout": 0.1, "generator": torch.Generator().manual_seed(seed), "bf16": False} | options
    return model, train(model, stream(model), budget, **arguments)


def test_the_same_seed_gives_the_same_bits() -> None:
    one, _ = trained(Budget(samples=400))
    two, _ = trained(Budget(samples=400))
    other, _ = trained(Budget(samples=400), seed=1)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_a_snapshot_is_what_training_that_long_gives_and_costs_the_rest_nothing() -> None:
    class Steady(ToyModel):
        def learning_rate(self, phase: str, progress: float) -> float:
            return 1.0

    def steady() -> Model:
        torch.manual_seed(0)
        return film.make(None).lift(lambda task, wrap: Steady(wrap(ConvNet())), TASK, make_encoder)

    whole, _ = trained(Budget(samples=400), model=steady())
    half, _ = trained(Budget(samples=208), model=steady())
    same, done = trained(Budget(samples=400), model=steady(), snapshots=(0.5, 0.75))
    assert [snapshot.spent.samples for snapshot in done.snapshots] == [208, 304], "after the next whole step"
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), same.parameters(), strict=True))
    assert all(torch.equal(value, done.snapshots[0].state[name]) for name, value in half.state_dict().items())


def test_training_learns() -> None:
    _, done = trained(Budget(samples=4000))
    losses = [point.losses["train"] for point in done.curve]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize(
    ("budget", "ended_by"),
    [(Budget(samples=160), "samples"), (Budget(flops=1e7, samples=1e6), "flops"), (Budget(seconds=0.3), "seconds")],
)
def test_the_first_limit_ends_training_within_a_step(budget: Budget, ended_by: str) -> None:
    _, done = trained(budget)
    assert done.ended_by == ended_by
    step = {
        "samples": done.spent.samples / done.steps,
        "flops": done.spent.flops / done.steps,
        "seconds": 2.0,
    }  # a busy machine may halt in a step
    limit = getattr(budget, ended_by)
    assert limit <= getattr(done.spent, ended_by) < limit + step[ended_by] * 1.01


def test_flops_are_those_of_the_network() -> None:
    """Counted by hand: a linear layer forward and its weight's gradient, for 16 samples of 64 pixels."""

    class Linear(Model):
        batch_size = 16

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(64, 32)

        def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
            return self.layer(x.flatten(1)).square().mean()

        def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
            raise AssertionError

    _, done = trained(Budget(samples=160), model=Linear())
    assert done.spent.flops / done.steps == 2 * (2 * 16 * 64 * 32)


def test_attention_on_a_cpu_is_counted() -> None:
    q = torch.randn(2, 4, 16, 8, requires_grad=True)
    with count_flops() as count:
        nn.functional.scaled_dot_product_attention(q, q, q).sum().backward()
    forward = 2 * (2 * 2 * 4 * 16 * 16 * 8)
    assert count.total >= 3 * forward - 1


def test_phases_train_their_own_parameters_only() -> None:
    seen: dict[str, list[bool]] = {}

    class TwoPhases(ToyModel):
        def phases(self, progress: float) -> tuple[str, ...]:
            return ("first",) if progress < 0.5 else ("first", "last")

        def phase_parameters(self, phase: str):
            return getattr(self.net.net, phase).parameters()

        def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
            seen[phase] = [p.requires_grad for p in self.net.net.last.parameters()]
            return super().loss(phase, x, u)

    torch.manual_seed(0)
    model = film.make(None).lift(lambda task, wrap: TwoPhases(wrap(build_conv(task, wrap).net.net)), TASK, make_encoder)
    middle = model.net.net.middle.weight.clone()
    last = model.net.net.last.weight.clone()
    trained(Budget(samples=160), model=model)
    assert torch.equal(model.net.net.middle.weight, middle)
    assert not torch.equal(model.net.net.last.weight, last)
    assert seen == {"first": [False, False], "last": [True, True]}
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_divergence_is_noticed() -> None:
    class Exploding(ToyModel):
        def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
            return super().loss(phase, x, u) * float("inf")

    model = film.make(None).lift(lambda task, wrap: Exploding(build_conv(task, wrap).net), TASK, make_encoder)
    with pytest.raises(Diverged, match="loss of phase 'train'"):
        trained(Budget(samples=1600), model=model)


def test_a_model_per_label_shares_one_budget() -> None:
    torch.manual_seed(0)
    model = label_sampling.make(None).lift(build_conv, TASK, make_encoder)
    generator = torch.Generator().manual_seed(0)
    batches = stream(model, homogeneous=True)
    starts = [one.net.net.last.weight.clone() for one in model.models]
    done = train(
        model, batches, Budget(samples=16 * CLASSES * 2), condition_dropout=0.1, generator=generator, bf16=False
    )
    assert done.steps == 2 * CLASSES
    assert all(not torch.equal(start, one.net.net.last.weight) for start, one in zip(starts, model.models, strict=True))


def test_data_parallel_training_keeps_replicas_equal(tmp_path: Path) -> None:
    """Two processes, each with its own batches, through torch's own wrapper; no special case in the loop."""
    torch.multiprocessing.spawn(replica, args=(str(tmp_path),), nprocs=2)
    one, two = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)


def replica(rank: int, folder: str) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    torch.manual_seed(0)
    model = film.make(None).lift(build_conv, TASK, make_encoder)
    wrapped = nn.parallel.DistributedDataParallel(model, find_unused_parameters=True)
    generator = torch.Generator().manual_seed(rank)
    batches = stream(model, seed=rank)
    train(model, batches, Budget(samples=80), condition_dropout=0.1, generator=generator, bf16=False, forward=wrapped)
    torch.save(model.state_dict(), f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def test_the_average_is_the_power_functions() -> None:
    """Against the closed form: the weight of step t is proportional to t**gamma, up to O(1/t)."""
    parameter = nn.Parameter(torch.zeros(1))
    average = Average([parameter])
    steps = 3000
    for t in range(1, steps + 1):
        with torch.no_grad():
            parameter.fill_(t / steps)
        average.update()
    gamma = 6.94
    assert average.shadow[0].item() == pytest.approx((gamma + 1) / (gamma + 2), abs=2e-3)


def test_a_trained_model_holds_the_average_of_its_steps() -> None:
    """Against the same average of the weights that each step left; the last step's weights are another thing."""
    seen: list[Tensor] = []

    class Recording(ToyModel):
        def after_step(self, phase: str) -> None:
            seen.append(self.net.net.last.weight.detach().clone())

    torch.manual_seed(0)
    model = film.make(None).lift(lambda task, wrap: Recording(build_conv(task, wrap).net), TASK, make_encoder)
    trained(Budget(samples=160), model=model)
    expected = seen[0]
    for step, weight in enumerate(seen[1:], start=2):
        expected = torch.lerp(expected, weight, 1 - (1 - 1 / step) ** 7.94)
    torch.testing.assert_close(model.net.net.last.weight, expected)
    assert not torch.allclose(model.net.net.last.weight, seen[-1])


def test_an_epoch_shows_every_sample_once() -> None:
    model = ToyModel(nn.Module())  # only its batch size matters here
    batches = stream(model)
    seen = torch.cat([u.parts[0] for _, u in (next(batches) for _ in range(103))])
    assert torch.bincount(seen).tolist() == (np.bincount(SPLIT.u[0]) * 16).tolist()


def test_homogeneous_batches_hold_one_label_and_labels_take_turns() -> None:
    batches = stream(ToyModel(nn.Module()), homogeneous=True)
    for _ in range(3):
        turn = [next(batches)[1].parts[0] for _ in range(CLASSES)]
        assert all(len(labels.unique()) == 1 for labels in turn)
        assert sorted(int(labels[0]) for labels in turn) == list(range(CLASSES))


def test_conditions_of_any_kind_reach_the_model_in_its_range() -> None:
    """An image with a question: neither part is a class."""
    task = Task(Domain("image", (1, 8, 8)), (Domain("image", (1, 4, 4)), Domain("tokens", (3,), 9)))
    generator = np.random.default_rng(0)
    pictures = generator.integers(0, 256, (103, 1, 4, 4), dtype=np.uint8)
    questions = generator.integers(0, 9, (103, 3))
    batches = iter(
        Batches(Split(SPLIT.x, (pictures, questions)), task, 16, torch.Generator(), device=torch.device("cpu"))
    )
    _, u = next(batches)
    picture, question = u.parts
    assert picture.shape == (16, 1, 4, 4) and picture.dtype == torch.float32 and picture.min() < 0
    assert question.shape == (16, 3) and question.dtype == torch.int64


def test_images_survive_the_models_range() -> None:
    x = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(from_model_range(to_model_range(x, TASK.target), TASK.target), x)
    assert to_model_range(x, TASK.target).aminmax() == (-1.0, 1.0)


def test_conditions_are_dropped_at_the_rate() -> None:
    u = Condition.of(torch.zeros(20_000, dtype=torch.long)).drop(0.1, torch.Generator().manual_seed(0))
    dropped = 1 - u.kept.float().mean().item()
    assert math.isclose(dropped, 0.1, abs_tol=4 * math.sqrt(0.09 / 20_000))


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_training_drops_the_share_that_it_is_told_whatever_the_conditioner(share: float) -> None:
    """The same conditions of the same batches: label dropout is no part of what conditioners differ in."""
    seen: dict[str, list[Tensor]] = {"film": [], "none": []}

    def watched(name: str) -> Build:
        class Watched(ToyModel):
            def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
                seen[name].append(u.kept)
                return super().loss(phase, x, u)

        return lambda task, wrap: Watched(wrap(ConvNet()))

    for name, conditioner in (("film", film.make(None)), ("none", none.make(None))):
        trained(Budget(samples=800), model=conditioner.lift(watched(name), TASK, make_encoder), condition_dropout=share)
    kept, of_none = (torch.cat(found) for found in seen.values())
    assert torch.equal(kept, of_none)
    assert 1 - kept.float().mean().item() == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / 800))
