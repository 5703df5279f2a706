"""Checks that u makes no difference at first, so that all conditioners start from the same network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from condbench.conditioning import Prefix, Site
from condbench.model import Model
from condbench.testing import trial
from condbench.testing.check import check
from condbench.testing.composition import Composition
from condbench.testing.outcome import NotApplicable, require


@check("neutral start")
def neutral_start_of_a_backbone(pair: Composition) -> None:
    """With adapters that do nothing yet, losses and samples are those of the network with empty sites. So the network
    treats a context that is there like one that is not, and hands it to its sites only; a network that looks at the
    context itself would give some conditioners a head start."""
    x, u = trial.batch(pair.task)
    filled, empty = _awake(pair), _emptied(_awake(pair))
    one, other = trial.losses(filled, x, u), trial.losses(empty, x, u)
    for phase, loss in one.items():
        require(
            not trial.differ(loss, other[phase]),
            f"the loss of phase '{phase}' is {float(loss):.4g} with adapters that do nothing yet, and "
            f"{float(other[phase]):.4g} with empty sites: only sites may look at the context",
        )
    require(
        not trial.differ(trial.draw(filled, u), trial.draw(empty, u)),
        "samples differ between adapters that do nothing yet and empty sites: only sites may look at the context",
    )


@check("neutral start")
def neutral_start_of_a_conditioner(pair: Composition) -> None:
    """At initialisation an adapter leaves what comes into it as it is, one in place of a norm and tokens in a prefix
    are the same for all u, and so is the loss. A conditioner that starts louder than the others would be compared by
    its initialisation; zeros in the last layer of an adapter do it."""
    model = _awake(pair)
    x, u = trial.batch(pair.task)
    filled = {name: slot for name, slot in trial.slots(model).items() if slot.adapter is not None}
    if not filled:
        _check_without_slots(pair)
        return
    seen: dict[str, tuple[Any, ...]] = {}
    handles = []
    for name, slot in filled.items():

        def see(_: Any, arguments: tuple[Any, ...], output: Tensor, name: str = name) -> None:
            seen.setdefault(name, (*arguments, output))

        assert slot.adapter is not None
        handles.append(slot.adapter.register_forward_hook(see))
    here = trial.losses(model, x, u)
    for handle in handles:
        handle.remove()
    for name, call in seen.items():
        _check_slot(name, filled[name], call)
    _check_losses(here, trial.losses(_awake(pair), x, trial.exchanged(u)))


def _check_without_slots(pair: Composition) -> None:
    """A conditioner that embeds u, but has another place for it than sites and prefixes."""
    model = pair.build()
    if all(network.encoder is None for network in trial.networks(model).values()):
        raise NotApplicable("it acts on whole models, and on no network")
    x, u = trial.batch(pair.task)
    _check_losses(trial.losses(model, x, u), trial.losses(pair.build(), x, trial.exchanged(u)))


def _check_losses(here: dict[str, Tensor], there: dict[str, Tensor]) -> None:
    for phase, loss in here.items():
        require(
            not trial.differ(loss, there[phase]),
            f"the loss of phase '{phase}' depends on u before any training ({float(loss):.4g} and "
            f"{float(there[phase]):.4g}): start the last layer of each adapter at zero",
        )


def _check_slot(name: str, slot: Site | Prefix, call: tuple[Any, ...]) -> None:
    """One call of the adapter in a slot: the identity, or at least deaf to u."""
    *before, c, after = call
    if isinstance(slot, Prefix):
        require(
            not trial.differ(after, after[:1].expand_as(after)),
            f"tokens in {name} depend on u before any training: start what projects u at zero",
        )
        return
    assert slot.adapter is not None
    (h,) = before
    require(after.shape == h.shape, f"the adapter at {name} makes {tuple(after.shape)} of {tuple(h.shape)}")
    if slot.adapter.replaces_norm:
        with torch.no_grad():
            turned = slot.adapter(h, type(c)(c.pooled.roll(1, 0), c.tokens.roll(1, 0)))
        require(
            not trial.differ(after, turned),
            f"the adapter at {name} depends on u before any training: start its last layer at zero",
        )
        return
    require(
        not trial.differ(after, h),
        f"the adapter at {name} changes what comes into it before any training: start its last layer at zero, so that "
        "it is the identity",
    )


def _awake(pair: Composition) -> Model:
    model = pair.build()
    trial.wake(model)
    return model


def _emptied(model: Model) -> Model:
    """Without adapters and without encoders, as the backbone is alone."""
    for network in trial.networks(model).values():
        network.encoder = None
    for slot in trial.slots(model).values():
        slot.adapter = None
    return model
