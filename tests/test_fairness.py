"""Only u's path varies: everything else of a model is the backbone's own, whatever the conditioner.

`unfairness` compares a conditioned network with the backbone alone, `settings` what is said around networks; planted
conditioners show that they can see.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from condbench import building
from condbench.conditioning import (
    Adapter,
    Build,
    Condition,
    Conditioned,
    ConditionEncoder,
    Context,
    DenseConditioner,
    MakeEncoder,
    Prefix,
    Site,
    Wrap,
    adapters,
    prefixes,
    sites,
)
from condbench.matrix import plan
from condbench.model import Model
from condbench.registry import installed
from condbench.results import PlannedCell
from condbench.specs import Domain, Task
from condbench.suite import load_suite
from condbench_plugins.encoders.table import Table

DIGITS = Task(Domain("image", (1, 28, 28)), (Domain("class", (), 10),))
REGISTRY = installed()
DENSE = [
    p
    for p in plan(load_suite("smoke"), REGISTRY, None)
    if not p.skip and REGISTRY.conditioners.get(p.cell.conditioner.name).spec.uses_encoder
]


def build(planned: PlannedCell, *, alone: bool = False) -> Model:
    torch.manual_seed(0)
    return building.build(planned, DIGITS, REGISTRY, alone=alone)


def networks(model: Model) -> list[Conditioned]:
    return [module for module in model.modules() if isinstance(module, Conditioned)]


def awake(model: Model) -> Model:
    """With weights in the layers that a backbone starts at zero: behind those a loss is deaf to any conditioner."""
    with torch.no_grad():
        for conditioned in networks(model):
            of_u = {id(p) for slot in (*sites(conditioned.net), *prefixes(conditioned.net)) for p in _adapter(slot)}
            for parameter in conditioned.net.parameters():
                if id(parameter) not in of_u and not parameter.any():
                    parameter.normal_(std=0.1)
    return model


def _adapter(slot: Site | Prefix) -> Iterator[nn.Parameter]:
    return slot.adapter.parameters() if slot.adapter is not None else iter(())


def unfairness(conditioned: Conditioned, alone: Conditioned, *, drawn_alike: bool) -> list[str]:
    """In what the two networks differ besides adapters in slots: modules, their sizes and buffers, hooks on them.

    Where both were ``drawn_alike``, from the same randomness, their weights are compared as well.
    """
    slots = {name: module for name, module in conditioned.net.named_modules() if isinstance(module, Site | Prefix)}
    path_of_u = {f"{name}.adapter" for name in slots}
    path_of_u |= {f"{name}.norm" for name, slot in slots.items() if getattr(slot.adapter, "replaces_norm", False)}
    ours, theirs = (dict(_own(net, path_of_u, drawn_alike)) for net in (conditioned.net, alone.net))
    found = [f"{name} is only in one of the two" for name in ours.keys() ^ theirs.keys()]
    found += [f"{name} is {ours[name]}" for name in ours.keys() & theirs.keys() if ours[name] != theirs[name]]
    return found


def _own(net: nn.Module, path_of_u: set[str], drawn_alike: bool) -> Iterator[tuple[str, object]]:
    """What is the backbone's own: its modules by name, with their type, what they hold and their hooks."""
    for name, module in net.named_modules():
        if not any(name == root or name.startswith(f"{root}.") for root in path_of_u):
            held = (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False))
            values = {key: _value(tensor) if drawn_alike else tuple(tensor.shape) for key, tensor in held}
            hooks = len(module._forward_hooks) + len(module._forward_pre_hooks)
            yield name, (type(module), "forward" in vars(module), values, hooks)


def settings(model: Model) -> dict[str, object]:
    """What a model says of itself outside its networks: how it is trained, scheduled and sampled."""
    inside = {id(module) for network in networks(model) for module in network.modules()}
    said: dict[str, object] = {name: getattr(model, name) for name in ("batch_size", "homogeneous", "likelihood")}
    said["phases"] = [model.phases(step / 10) for step in range(11)]
    for name, module in model.named_modules():
        if id(module) not in inside:
            said |= {f"{name}.{key}": value for key, value in vars(module).items() if not key.startswith("_")}
            held = (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False))
            said |= {f"{name}.{key}": tuple(tensor.shape) for key, tensor in held}
    return said


def _value(tensor: Tensor) -> tuple[object, ...]:
    """Its shape and type, whether it is trained, and what is in it."""
    return tuple(tensor.shape), tensor.dtype, tensor.requires_grad, tensor.detach().double().sum().item()


@pytest.mark.parametrize("planned", DENSE, ids=lambda p: f"{p.cell.backbone.name} x {p.cell.conditioner.name}")
def test_everything_but_the_path_of_u_is_the_backbones_own(planned: PlannedCell) -> None:
    model, backbone = build(planned), build(planned, alone=True)
    assert settings(model) == settings(backbone)
    pairs = list(zip(networks(model), networks(backbone), strict=True))
    assert pairs
    for number, (conditioned, alone) in enumerate(pairs):
        slots = [*sites(conditioned.net), *prefixes(conditioned.net)]
        assert any(slot.adapter is not None for slot in slots), "no slot is filled: u cannot get in"
        # What a conditioner draws for its adapters comes before the next network's weights, but not before the first's.
        assert not unfairness(conditioned, alone, drawn_alike=number == 0)


@pytest.mark.parametrize("planned", DENSE, ids=lambda p: f"{p.cell.backbone.name} x {p.cell.conditioner.name}")
def test_the_start_is_neutral(planned: PlannedCell) -> None:
    """Losses of an untrained model do not depend on u, with the same randomness, so that nobody has a head start."""
    x = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(2)) * 2 - 1
    u = Condition.of(torch.arange(4))
    other = Condition.of(torch.arange(4) + 5)
    for phase in dict.fromkeys(phase for step in range(11) for phase in build(planned).phases(step / 10)):
        losses = []
        for given in (u, other, u.dropped()):
            model = awake(build(planned))  # anew: an energy-based model's chains remember
            losses.append(model.loss(phase, x, given).detach())
        torch.testing.assert_close(losses[1], losses[0])
        torch.testing.assert_close(losses[2], losses[0])


@pytest.mark.parametrize("planned", DENSE, ids=lambda p: f"{p.cell.backbone.name} x {p.cell.conditioner.name}")
def test_all_of_us_path_learns_by_one_rule(planned: PlannedCell) -> None:
    """Wherever an adapter sits, it has the optimizer and rate of the others and of the encoder, never Muon."""
    model = build(planned)
    parts = [part for network in networks(model) for part in (*adapters(network.net), network.encoder) if part]
    of_u = {id(p) for part in parts for p in part.parameters()}
    learns: set[int] = set()
    for phase in dict.fromkeys(phase for step in range(11) for phase in model.phases(step / 10)):
        rules = set()
        for optimizer in model.optimizers(phase):
            for group in optimizer.param_groups:
                found = {id(p) for p in group["params"]} & of_u
                learns |= found
                rules |= {(type(optimizer).__name__, group["lr"])} if found else set()
        assert len(rules) <= 1 and "Muon" not in {name for name, _ in rules}, f"{phase}: {rules}"
    assert learns == of_u


LOUD = [p for p in DENSE if p.cell.conditioner.name == "film"]


@pytest.mark.parametrize("planned", LOUD, ids=lambda p: p.cell.backbone.name)
def test_a_start_that_is_not_neutral_is_seen_in_every_backbone(planned: PlannedCell) -> None:
    """Planted: FiLM whose modulation is not zero at first."""
    x = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(2)) * 2 - 1
    losses = []
    for labels in (torch.arange(4), torch.arange(4) + 5):
        model = awake(build(planned))
        with torch.no_grad():
            for slot in (site for conditioned in networks(model) for site in sites(conditioned.net)):
                for parameter in _adapter(slot):
                    parameter.normal_()
        losses.append(model.loss(model.phases(1.0)[-1], x, Condition.of(labels)).detach())
    assert not torch.allclose(losses[0], losses[1], rtol=1e-4)


class Time(nn.Module):
    """A network with a time path and a site, for planted bugs."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.tensor(3.0), persistent=False)
        self.time = nn.Linear(1, 8)
        self.first = nn.Linear(4, 8)
        self.site = Site(8, dim=-1)
        self.last = nn.Linear(8, 4)

    def forward(self, x: Tensor, t: Tensor, c: Context | None) -> Tensor:
        return self.last(self.site(self.first(x) + self.time(self.frequencies * t), c))


class Shift(Adapter):
    def __init__(self, start: float) -> None:
        super().__init__()
        self.project = nn.Linear(16, 8)
        nn.init.constant_(self.project.weight, start)
        nn.init.zeros_(self.project.bias)

    def forward(self, h: Tensor, c: Context) -> Tensor:
        return h + self.project(c.pooled)


class Fair(DenseConditioner):
    start = 0.0

    def adapter(self, site: Site, dim: int) -> Adapter:
        return Shift(self.start)


class WiderTime(Fair):
    """Planted: the time path gets a layer more."""

    def fill(self, net: nn.Module, dim: int) -> None:
        super().fill(net, dim)
        net.time = nn.Sequential(net.time, nn.Linear(8, 8))


class HookedTime(Fair):
    """Planted: what the time path says is changed on its way."""

    def fill(self, net: nn.Module, dim: int) -> None:
        super().fill(net, dim)
        net.time.register_forward_hook(lambda module, args, out: 2 * out)


class FasterTime(Fair):
    """Planted: the time path sees other frequencies."""

    def fill(self, net: nn.Module, dim: int) -> None:
        super().fill(net, dim)
        net.frequencies *= 2


class FrozenTime(Fair):
    """Planted: the time path does not learn."""

    def fill(self, net: nn.Module, dim: int) -> None:
        super().fill(net, dim)
        net.time.requires_grad_(False)


class ZeroedTime(Fair):
    """Planted: the time path starts elsewhere."""

    def fill(self, net: nn.Module, dim: int) -> None:
        super().fill(net, dim)
        nn.init.zeros_(net.time.weight)


class Loud(Fair):
    """Planted: u makes a difference from the start."""

    start = 0.1


def time_network() -> Time:
    torch.manual_seed(0)
    return Time()


def conditioned(conditioner: DenseConditioner) -> Conditioned:
    net = time_network()
    conditioner.fill(net, 16)
    return Conditioned(net, ConditionEncoder([Table(10, 16)], 16))


CHEATS = [WiderTime(), HookedTime(), FasterTime(), FrozenTime(), ZeroedTime()]


@pytest.mark.parametrize("conditioner", [Fair(), *CHEATS], ids=lambda conditioner: type(conditioner).__name__)
def test_a_conditioner_that_also_changes_the_time_path_is_seen(conditioner: DenseConditioner) -> None:
    found = unfairness(conditioned(conditioner), Conditioned(time_network()), drawn_alike=True)
    assert bool(found) == (conditioner in CHEATS)


class Timed(Model):
    """A model around the network with a time path, for planted bugs."""

    def __init__(self, net: Conditioned) -> None:
        super().__init__()
        self.net, self.steps = net, 20

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        raise NotImplementedError

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        raise NotImplementedError


class Meddling(Fair):
    """Planted: it also sets something of the model that it lifts."""

    def __init__(self, name: str, value: object) -> None:
        self.name, self.value = name, value

    def lift(self, build: Build, task: Task, make_encoder: MakeEncoder) -> Model:
        model = super().lift(build, task, make_encoder)
        setattr(model, self.name, self.value)
        return model


MEDDLING = [Meddling("batch_size", 64), Meddling("steps", 40), Meddling("learning_rate", lambda phase, progress: 1.0)]


@pytest.mark.parametrize(
    "conditioner", [Fair(), *MEDDLING], ids=lambda conditioner: getattr(conditioner, "name", "fair")
)
def test_a_conditioner_that_also_changes_the_models_settings_is_seen(conditioner: DenseConditioner) -> None:
    def build(task: Task, wrap: Wrap) -> Model:
        return Timed(wrap(time_network()))

    lifted = conditioner.lift(build, DIGITS, lambda: ConditionEncoder([Table(10, 16)], 16))
    assert (settings(lifted) == settings(build(DIGITS, Conditioned))) == (conditioner not in MEDDLING)


@pytest.mark.parametrize(("conditioner", "neutral"), [(Fair(), True), (Loud(), False)])
def test_a_start_that_is_not_neutral_is_seen(conditioner: DenseConditioner, neutral: bool) -> None:
    net = conditioned(conditioner)
    x, t = torch.randn(3, 4), torch.rand(3, 1)
    a, b = (net(x, t, u=Condition.of(torch.tensor(labels))) for labels in ([0, 1, 2], [5, 6, 7]))
    assert torch.equal(a, b) == neutral
