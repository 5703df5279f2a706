"""What checks do with a model: a batch, its phases, steps as in training, samples as in a cell."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from condbench.budget import Budget
from condbench.building import settle
from condbench.condition import Condition
from condbench.conditioning import Conditioned, Prefix, Site
from condbench.model import Model
from condbench.specs import Task
from condbench.testing.composition import Composition, drawn
from condbench.training import Stepper, Training, train

_BATCH = 10  # each label once
_GRID = 50  # points of progress at which phases are asked for
_NUDGE = 0.05


def batch(task: Task) -> tuple[Tensor, Condition]:
    """Random x and u; of a class, each label once."""
    generator = torch.Generator().manual_seed(1)
    size = task.condition[0].size if task.condition[0].kind == "class" else _BATCH
    return (
        drawn(task.target, size, generator),
        Condition.of(*(drawn(part, size, generator) for part in task.condition)),
    )


def exchanged(u: Condition) -> Condition:
    """The same conditions, each at its neighbour's place."""
    return Condition(tuple(part.roll(1, 0) for part in u.parts), u.kept.roll(1))


def half_dropped(u: Condition) -> Condition:
    """Every other condition dropped, so that what stands for none is in the batch as well."""
    return Condition(u.parts, u.kept & (torch.arange(len(u)) % 2 == 0))


def stages(model: Model) -> dict[tuple[str, ...], float]:
    """The combinations of phases that a training goes through, each with the progress at which it begins."""
    found: dict[tuple[str, ...], float] = {}
    for point in range(_GRID + 1):
        found.setdefault(tuple(model.phases(point / _GRID)), point / _GRID)
    return found


def phases(model: Model) -> list[str]:
    """Every phase of a training, in order."""
    return list(dict.fromkeys(phase for stage in stages(model) for phase in stage))


def losses(model: Model, x: Tensor, u: Condition) -> dict[str, Tensor]:
    """Each phase's loss in training mode, with the same randomness at every call."""
    model.train()
    found = {}
    for phase in phases(model):
        settle(1, 1)
        found[phase] = model.loss(phase, x, u).detach().float()
    return found


def steps(model: Model, x: Tensor, u: Condition, count: int) -> Iterator[tuple[str, ...]]:
    """``count`` training steps in each stage, as the harness takes them; each one's phases."""
    model.train()
    steppers: dict[str, Stepper] = {}
    for stage, progress in stages(model).items():
        for phase in stage:
            steppers.setdefault(phase, Stepper(model, phase))
        for _ in range(count):
            for phase in stage:
                steppers[phase].step(model, model, x, u, progress, bf16=False)
            yield stage


def train_briefly(model: Model, x: Tensor, u: Condition, count: int) -> Training:
    """``count`` steps of a whole training, from its first stage to its last, by the harness's own loop."""
    settle(1, 3)
    return train(
        model,
        repeat((x, u)),
        Budget(samples=count * len(x)),
        condition_dropout=0.1,
        generator=torch.Generator().manual_seed(0),
        bf16=False,
    )


def reloaded(model: Model, pair: Composition) -> Model:
    """The same pair, built from another seed, with the model's state, stored as a cell stores it."""
    stored = save({name: value.contiguous().clone() for name, value in model.state_dict().items()})
    restored = pair.build(seed=1)
    restored.load_state_dict(load(stored))
    return restored


def draw(model: Model, u: Condition, seed: int = 0) -> Tensor:
    """Samples as a cell draws them: in evaluation mode and without gradients."""
    model.eval()
    with torch.inference_mode():
        return model.sample(u, torch.Generator().manual_seed(seed)).clone()


def stir(model: nn.Module) -> None:
    """Move all parameters off their initial values, at which adapters are neutral and some layers zero."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(_NUDGE * torch.randn(parameter.shape, generator=generator))


def wake(model: nn.Module) -> None:
    """Give weights to layers that start at zero, adapters left out: behind such layers nothing can be told apart."""
    of_u = {id(p) for slot in slots(model).values() if slot.adapter is not None for p in slot.adapter.parameters()}
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            if id(parameter) not in of_u and not parameter.any():
                parameter.add_(_NUDGE * torch.randn(parameter.shape, generator=generator))


def networks(model: Model) -> dict[str, Conditioned]:
    """The networks that the backbone has wrapped, by name."""
    return {name: module for name, module in model.named_modules() if isinstance(module, Conditioned)}


def slots(model: nn.Module) -> dict[str, Site | Prefix]:
    """All sites and prefixes, by name."""
    return {name: module for name, module in model.named_modules() if isinstance(module, Site | Prefix)}


def differ(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors differ by more than rounding."""
    return not torch.allclose(a.float(), b.float(), rtol=1e-4, atol=1e-5, equal_nan=True)
