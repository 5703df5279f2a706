"""Checks of what a model gives: losses and samples, for every label, on a full batch and on one sample."""

from __future__ import annotations

import torch

from condbench.model import Model
from condbench.testing import trial
from condbench.testing.check import check
from condbench.testing.composition import Composition
from condbench.testing.outcome import listing, require

_FARTHEST = 10.0  # an untrained model may give noise of unit variance, and condbench clamps; 255 is another thing


@check("shapes")
def shapes(pair: Composition) -> None:
    """Each phase's loss is one finite number that gradients can flow from, and samples are (B, *shape), images in
    [-1, 1]. The training loop and every metric take this for granted; samples in [0, 1] or [0, 255] would be measured
    as very pale or saturated images."""
    model = pair.build()
    x, u = trial.batch(pair.task)
    model.train()
    for phase in trial.phases(model):
        loss = model.loss(phase, x, u)
        require(loss.shape == (), f"the loss of phase '{phase}' has shape {tuple(loss.shape)}, not (): return its mean")
        require(bool(loss.isfinite()), f"the loss of phase '{phase}' is {float(loss.detach())}")
        require(loss.requires_grad, f"the loss of phase '{phase}' has no gradient: is it computed under no_grad?")
    _check_samples(pair, trial.draw(model, u), len(u))
    trial.stir(model)  # so that it shows more than grey
    x = trial.draw(model, u)
    if pair.task.target.kind in ("image", "video"):
        require(float(x.min()) < 0, f"samples are in [{float(x.min()):.3g}, {float(x.max()):.3g}], not in [-1, 1]")


@check("sampling for every label")
def sampling_for_every_label(pair: Composition) -> None:
    """Every label can be asked for, alone in a batch too, and so can samples of no condition. A cell asks for all
    labels and times the sampler with batches of one, where a stray squeeze() or a batch norm in training mode would
    fail."""
    model = pair.build()
    _, u = trial.batch(pair.task)
    for chosen, size in ((u, len(u)), (u[-1:], 1), (u.dropped(), len(u))):
        _check_samples(pair, trial.draw(model, chosen), size)


@check("mixed precision")
def mixed_precision(pair: Composition) -> None:
    """Losses, their gradients and samples are finite under bfloat16 autocast, which is how a cell trains where the
    hardware is fast at it. Layers then give bfloat16, which not every operation takes."""
    model = pair.build()
    x, u = trial.batch(pair.task)
    model.train()
    for phase in trial.phases(model):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = model.loss(phase, x, u)
        require(bool(loss.isfinite()), f"the loss of phase '{phase}' is {float(loss.detach())} under bfloat16 autocast")
        loss.backward()  # type: ignore[no-untyped-call]
        broken = [name for name, p in model.named_parameters() if p.grad is not None and not p.grad.isfinite().all()]
        require(not broken, f"under bfloat16 autocast the gradient of {listing(broken)} is not finite")
        model.zero_grad(set_to_none=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        _check_samples(pair, trial.draw(model, u), len(u))


@check("the loss depends on u")
def the_loss_depends_on_u(pair: Composition) -> None:
    """Once parameters have left their initial values, other conditions give another loss. A conditioner that is never
    asked, or a site whose output goes nowhere, trains without an error and is measured as if it conditioned."""
    x, u = trial.batch(pair.task)
    given, exchanged = (trial.losses(_stirred(pair), x, v) for v in (u, trial.exchanged(u)))
    require(
        any(not torch.equal(given[phase], exchanged[phase]) for phase in given),
        "the loss is the same whatever u is: in no phase does u reach it",
    )


@check("samples depend on u")
def samples_depend_on_u(pair: Composition) -> None:
    """Once parameters have left their initial values, other conditions give other samples from the same noise. A
    sampler that forgets to hand u on trains well and obeys no label."""
    model = _stirred(pair)
    _, u = trial.batch(pair.task)
    require(
        not torch.equal(trial.draw(model, u), trial.draw(model, trial.exchanged(u))),
        "samples are the same whatever u is: does sample() hand u on to its networks?",
    )


def _stirred(pair: Composition) -> Model:
    model = pair.build()
    trial.stir(model)
    return model


def _check_samples(pair: Composition, x: torch.Tensor, size: int) -> None:
    wanted = (size, *pair.task.target.shape)
    require(tuple(x.shape) == wanted, f"sample() gives shape {tuple(x.shape)} for {size} conditions, not {wanted}")
    require(bool(x.isfinite().all()), "samples are not finite")
    if pair.task.target.kind in ("image", "video"):
        least, most = float(x.min()), float(x.max())
        require(max(-least, most) <= _FARTHEST, f"samples are in [{least:.3g}, {most:.3g}], not in [-1, 1]")
    else:
        size = pair.task.target.size
        require(x.dtype == torch.int64, f"samples of tokens are {x.dtype}, not int64")
        require(bool(((x >= 0) & (x < size)).all()), f"samples of tokens are not all in [0, {size})")
