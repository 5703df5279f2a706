"""Checks of training: that all of a model learns, and that what it spends is what condbench counts."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from condbench.flops import count_flops
from condbench.testing import trial
from condbench.testing.check import check
from condbench.testing.composition import Composition
from condbench.testing.outcome import Violated, listing, require

_STEPS = 5  # a layer that starts at zero holds gradients back for a step, and several may stand in a row
_COUNTED = 3
_APART = 1.01


@check("gradients reach every parameter and every adapter")
def gradients_reach_everything(pair: Composition) -> None:
    """Within a few steps of real training, each parameter gets a gradient in one of the phases and is moved by an
    optimizer of that phase; parameters that require none are let be. A dead parameter is counted and compared by, and
    a dead adapter is a place where u never gets in."""
    model = pair.build()
    x, u = trial.batch(pair.task)
    before = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
    reached: set[str] = set()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            parameter.register_post_accumulate_grad_hook(partial(_note, reached, name))  # type: ignore[no-untyped-call]
    for _ in trial.steps(model, x, trial.half_dropped(u), _STEPS):
        if len(reached) == len(before) and not _unmoved(model, before):
            return
    if missed := [name for name in before if name not in reached]:
        raise Violated(
            f"no gradient reaches {listing(missed)}: use it in a loss, list it in phase_parameters, or leave it out"
        )
    raise Violated(f"gradients reach {listing(_unmoved(model, before))}, but no optimizer of that phase moves it")


@check("the budget is obeyed")
def the_budget_is_obeyed(pair: Composition) -> None:
    """Training ends where its budget does, every step of a phase takes the same FLOPs, and neither building nor
    sampling trains. condbench counts the FLOPs of one step of each phase and takes them for granted, so a step that
    grows, or learning outside of the loss, would be a head start that no table shows."""
    with count_flops() as building:
        model = pair.build()
    x, u = trial.batch(pair.task)
    done = trial.train_briefly(model, x, u, _COUNTED)
    require(done.ended_by == "samples" and done.steps == _COUNTED, f"training took {done.steps} steps, not {_COUNTED}")
    state = {name: value.clone() for name, value in model.state_dict().items()}
    trial.draw(model, u)
    changed = [name for name, value in model.state_dict().items() if not torch.equal(value, state[name])]
    require(not changed, f"sampling changes {listing(changed)}: what is learned must be learned within the budget")

    counts: dict[tuple[str, ...], list[float]] = {}
    counting = trial.steps(model, x, u, _COUNTED)
    while True:
        with count_flops() as count:
            stage = next(counting, None)
        if stage is None:
            break
        counts.setdefault(stage, []).append(count.total)
    for stage, found in counts.items():
        phases = " and ".join(stage)
        require(min(found) > 0, f"a step of {phases} takes no FLOPs that condbench could count, so none would end it")
        require(
            max(found) <= _APART * min(found),
            f"steps of {phases} take {', '.join(f'{one:.3g}' for one in found)} FLOPs: condbench counts the first and "
            "takes it for granted, so all must be alike",
        )
    most = max(max(found) for found in counts.values())
    require(
        building.total <= most,
        f"building takes {building.total:.3g} FLOPs, more than a training step: what is learned must be learned within "
        "the budget",
    )


def _note(reached: set[str], name: str, parameter: Tensor) -> None:
    if parameter.grad is not None and bool(parameter.grad.any()):
        reached.add(name)


def _unmoved(model: nn.Module, before: dict[str, Tensor]) -> list[str]:
    return [name for name, p in model.named_parameters() if name in before and torch.equal(p, before[name])]
