"""Checks of who may see whom: samples of a batch do not see each other, and causal positions not what comes after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from condbench.condition import Condition
from condbench.conditioning import Conditioned, Site
from condbench.model import Model
from condbench.testing import trial
from condbench.testing.check import check
from condbench.testing.composition import Composition
from condbench.testing.outcome import NotApplicable, require

_PUSH = 1.0


@check("no leakage across the batch")
def no_leakage_across_the_batch(pair: Composition) -> None:
    """What a network gives for one sample does not depend on the others in its batch, in evaluation mode, and neither
    do samples. Otherwise samples depend on how a cell happens to batch them, and u of one reaches another. A batch
    norm may see the batch in training; a layer that does in evaluation mode too, such as the deviation over a
    minibatch in a critic, is declared as an expected failure with its reason."""
    model = pair.build()
    trial.stir(model)
    x, u = trial.batch(pair.task)
    x, u = torch.cat([x, x.roll(1, 0)]), u.repeat(2)  # two of each label, since a model may send each its own way
    for name, network, (arguments, named) in _calls(model, lambda: _all_losses(model, x, u)):
        first, changed = (_output(network, *call) for call in ((arguments, named), _one_changed(arguments, named)))
        for one, other in zip(first, changed, strict=True):
            require(
                not trial.differ(one[1:], other[1:]),
                f"in evaluation mode, what {name} gives for a sample depends on the others in its batch",
            )
    # One label more for the last, so that a model which takes a batch label by label gives the others the same noise.
    _, u = trial.batch(pair.task)
    others = Condition.cat([u[:-2], u[-1:]])
    require(
        not trial.differ(trial.draw(model, u[:-1])[:-1], trial.draw(model, others)[:-1]),
        "a sample depends on the conditions of others in its batch, from the same noise",
    )


@check("causality")
def causality_of_a_backbone(pair: Composition) -> None:
    """Where a network has sites with mixable=False, features at a position depend on no later position, in reading
    order. A causal network that looks ahead learns to copy, and has nothing to copy when it samples."""
    seen = 0
    model = pair.build()
    trial.stir(model)
    x, u = trial.batch(pair.task)
    for name, network in trial.networks(model).items():
        causal = [site for site in trial.slots(network).values() if isinstance(site, Site) and not site.mixable]
        if not causal:
            continue
        before, after = (_features(model, causal, x, u, push=push) for push in (0.0, _PUSH))
        pushed = next(iter(before))
        length = before[pushed].shape[1]
        middle = length // 2
        for site in before:
            if site is not pushed and before[site].shape[1] == length > 1:
                seen += 1
                require(
                    not trial.differ(before[site][:, :middle], after[site][:, :middle]),
                    f"{name} is not causal: features at a site with mixable=False change when later positions do",
                )
    if not seen:
        raise NotApplicable("no sequence passes two sites with mixable=False, one after the other")


@check("causality")
def causality_of_a_conditioner(pair: Composition) -> None:
    """At a site with mixable=False, an adapter changes each position by itself alone. There the network is causal: an
    adapter that mixes positions, by statistics or by attention over them, would show it the future."""
    model = pair.build()
    trial.stir(model)
    x, u = trial.batch(pair.task)
    filled = {
        name: slot.adapter
        for name, slot in trial.slots(model).items()
        if isinstance(slot, Site) and not slot.mixable and slot.adapter is not None
    }
    if not filled:
        raise NotApplicable("it fills no site with mixable=False")
    for name, adapter in filled.items():
        h, c = _first_call(adapter, lambda: _all_losses(model, x, u))
        positions = h.detach().flatten(1, -2)
        middle = positions.shape[1] // 2
        others = torch.arange(positions.shape[1]) != middle
        changed = positions.clone()
        changed[:, middle] += _PUSH * torch.arange(h.shape[-1])  # not the same for all channels, which norms take away
        with torch.no_grad():
            one, other = (adapter(flat.view(h.shape), c).flatten(1, -2) for flat in (positions, changed))
        require(
            not trial.differ(one[:, others], other[:, others]),
            f"the adapter at {name}, where mixable=False, mixes positions: only sites that may mix them can take it",
        )


def _all_losses(model: Model, x: Tensor, u: Condition) -> None:
    """Every phase's loss, in evaluation mode."""
    model.eval()
    for phase in trial.phases(model):
        torch.manual_seed(1)
        model.loss(phase, x, u)


Call = tuple[tuple[Any, ...], dict[str, Any]]


def _calls(model: Model, run: Callable[[], None]) -> list[tuple[str, Conditioned, Call]]:
    """The first call of each wrapped network."""
    calls: dict[str, tuple[str, Conditioned, Call]] = {}
    handles = []
    for name, network in trial.networks(model).items():

        def see(network: Any, arguments: tuple[Any, ...], named: dict[str, Any], name: str = name) -> None:
            calls.setdefault(name, (name, network, (arguments, named)))

        handles.append(network.register_forward_pre_hook(see, with_kwargs=True))
    run()
    for handle in handles:
        handle.remove()
    return list(calls.values())


def _output(network: Conditioned, arguments: tuple[Any, ...], named: dict[str, Any]) -> list[Tensor]:
    """What a network gives, as tensors with the batch in front."""
    torch.manual_seed(1)
    with torch.no_grad():
        out = network(*arguments, **named)
    return [one for one in (out if isinstance(out, tuple | list) else [out]) if isinstance(one, Tensor) and one.ndim]


def _one_changed(arguments: tuple[Any, ...], named: dict[str, Any]) -> Call:
    """The same call with another first sample, its condition included."""
    size = len(named["u"])

    def changed(value: Any) -> Any:
        if isinstance(value, Condition):
            return Condition(tuple(changed(part) for part in value.parts), value.kept)
        if isinstance(value, Tensor) and value.ndim and len(value) == size:
            value = value.detach().clone()
            value[0] = value[-1]  # one that is possible, whatever it is
        return value

    return tuple(map(changed, arguments)), {key: changed(value) for key, value in named.items()}


def _features(model: Model, causal: list[Site], x: Tensor, u: Condition, push: float) -> dict[Site, Tensor]:
    """What comes into each causal site (B, positions, C); what leaves the first is pushed from the middle on."""
    seen: dict[Site, Tensor] = {}

    def see(site: Any, arguments: tuple[Any, ...], output: Tensor) -> Tensor | None:
        if site in seen:
            return None
        seen[site] = arguments[0].detach().movedim(site.dim, -1).flatten(1, -2)
        if len(seen) > 1 or seen[site].shape[1] == 1:
            return None
        flat = output.movedim(site.dim, -1).flatten(1, -2)
        late = torch.arange(flat.shape[1]) >= flat.shape[1] // 2
        shift = push * late[:, None] * torch.arange(flat.shape[2])
        return (flat + shift).view(output.movedim(site.dim, -1).shape).movedim(-1, site.dim)

    handles = [site.register_forward_hook(see) for site in causal]
    _all_losses(model, x, u)
    for handle in handles:
        handle.remove()
    return seen


def _first_call(module: nn.Module, run: Callable[[], None]) -> tuple[Any, ...]:
    """The arguments of a module's first call."""
    seen: list[tuple[Any, ...]] = []
    handle = module.register_forward_pre_hook(lambda _, arguments: seen.append(arguments))
    run()
    handle.remove()
    return seen[0]
