"""Checks of what a plugin says to the other side of the matrix: what a backbone offers, and that each pair composes."""

from __future__ import annotations

from collections.abc import Callable

import torch

from condbench.conditioning import Prefix, Site
from condbench.model import Model, ScoreModel
from condbench.testing import trial
from condbench.testing.check import check
from condbench.testing.composition import Composition
from condbench.testing.outcome import listing, require

_BATCH = 4


def _has_site(role: str) -> Callable[[Model], bool]:
    return lambda model: any(isinstance(slot, Site) and slot.role == role for slot in trial.slots(model).values())


_OFFERED: dict[str, tuple[Callable[[Model], bool], str]] = {
    "gates": (_has_site("branch"), "no site of its has the role 'branch'"),
    "critic": (_has_site("score"), "no site of its has the role 'score'"),
    "sequence": (
        lambda model: any(isinstance(slot, Prefix) for slot in trial.slots(model).values()),
        "its networks have no Prefix",
    ),
    "score": (lambda model: isinstance(model, ScoreModel), "its model is not a ScoreModel"),
    "grid": (_has_site("input"), "no site of its has the role 'input'"),
    "norms": (
        lambda model: any(isinstance(slot, Site) and slot.norm is not None for slot in trial.slots(model).values()),
        "none of its sites has a norm",
    ),
    "positions": (
        lambda model: any(isinstance(slot, Site) and slot.mixable for slot in trial.slots(model).values()),
        "none of its sites is mixable",
    ),
}


@check("sites and offers")
def sites_and_offers(pair: Composition) -> None:
    """Each network that a backbone wraps has sites, and what its spec offers is there. A network without sites is
    deaf to most conditioners, and a capability that is offered but missing is a failed cell where a skipped one would
    say why."""
    model = pair.build()
    networks = trial.networks(model)
    require(bool(networks), "build() wraps no network: call wrap(net) on each that may depend on u")
    for name, network in networks.items():
        require(bool(trial.slots(network)), f"the network {name} is wrapped, but has no site: u cannot get in")
    for capability in sorted(pair.offers & _OFFERED.keys()):
        holds, otherwise = _OFFERED[capability]
        require(holds(model), f"its spec offers '{capability}', but {otherwise}")


@check("composes with")
def composes(pair: Composition) -> None:
    """The pair is built, takes a step of every phase with some conditions dropped, is stored and loaded, and samples.
    Any backbone composes with any conditioner: that is what the matrix is made of. A pair that does not fit by what
    is needed and offered is skipped with that reason."""
    model = pair.build()
    x, u = trial.batch(pair.task)
    x, u = x[:_BATCH], u[:_BATCH]  # there are many pairs, and all must be quick
    for _ in trial.steps(model, x, trial.half_dropped(u), 1):
        pass
    broken = [name for name, parameter in model.named_parameters() if not parameter.isfinite().all()]
    require(not broken, f"after a training step {listing(broken)} is not finite")
    samples = trial.draw(model, u)
    wanted = (len(u), *pair.task.target.shape)
    require(tuple(samples.shape) == wanted, f"samples have shape {tuple(samples.shape)}, not {wanted}")
    require(bool(samples.isfinite().all()), "samples are not finite")
    restored = trial.reloaded(model, pair)
    require(torch.equal(trial.draw(restored, u), samples), "a model that is loaded gives other samples")
