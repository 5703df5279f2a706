"""Checks of condition encoders: u to embeddings, each sample on its own."""

from __future__ import annotations

import torch

from condbench.building import ENCODER_DIM, settle
from condbench.registry import resolve
from condbench.specs import Domain
from condbench.testing.check import check
from condbench.testing.composition import DOMAINS, drawn
from condbench.testing.outcome import listing, require
from condbench.testing.subject import Subject
from condbench.testing.trial import differ, stir

_BATCH = 8


@check("embeddings")
def embeddings(subject: Subject) -> None:
    """A batch of u becomes embeddings (B, T, dim) that are finite, with T at least 4. Attention over a single token
    cannot choose, so that cross-attention would be a bias and not a conditioner of its own."""
    module, u = _made(subject)
    out = module(u)
    require(out.ndim == 3 and len(out) == len(u), f"{len(u)} conditions become {tuple(out.shape)}, not (B, T, dim)")
    require(out.shape[2] == ENCODER_DIM, f"embeddings have {out.shape[2]} numbers, and {ENCODER_DIM} were asked for")
    require(out.shape[1] >= 4, f"a condition becomes {out.shape[1]} tokens, and must become 4 or more")
    require(bool(out.isfinite().all()), "embeddings are not finite")


@check("each condition on its own")
def each_condition_on_its_own(subject: Subject) -> None:
    """Other conditions give other embeddings, and those of a sample do not depend on others in its batch, in
    evaluation mode. Two labels with one embedding cannot be told apart by any conditioner."""
    module, u = _made(subject)
    stir(module)
    module.eval()
    with torch.no_grad():
        out, alone = module(u), module(u[:1])
    require(not differ(out[:1], alone), "an embedding depends on the others in its batch")
    require(bool(differ(out[0], out[1])), "two conditions have the same embedding")


@check("gradients reach every parameter")
def gradients_reach_every_parameter(subject: Subject) -> None:
    """Each parameter gets a gradient from the embeddings. One that does not is counted, and never learns."""
    module, u = _made(subject)
    stir(module)
    out = module(u)
    (out * torch.randn_like(out)).sum().backward()
    missed = [name for name, p in module.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    require(not missed, f"no gradient reaches {listing(missed)}")


@check("determinism from the seed")
def the_same_from_the_same_seed(subject: Subject) -> None:
    """Made twice from one seed it is the same, to the last bit; all that it knows is in its state dict, so that it
    can be stored and loaded."""
    (one, u), (two, _) = _made(subject), _made(subject)
    other, _ = _made(subject, seed=1)
    other.load_state_dict(one.state_dict())
    for module, what in ((two, "made twice from one seed"), (other, "with the state of the first loaded")):
        with torch.no_grad():
            require(torch.equal(one.eval()(u), module.eval()(u)), f"{what}, embeddings differ")


def _made(subject: Subject, seed: int = 0) -> tuple[torch.nn.Module, torch.Tensor]:
    domain: Domain = DOMAINS[subject.entry.spec.encodes]
    settle(1, seed)
    module: torch.nn.Module = resolve(subject.entry.spec.target)(domain, ENCODER_DIM)
    return module, drawn(domain, _BATCH, torch.Generator().manual_seed(1))
