"""Checks that the same thing comes out again: from the same seed, and after storing and loading."""

from __future__ import annotations

import torch
from torch import Tensor

from condbench.testing import trial
from condbench.testing.check import check
from condbench.testing.composition import Composition
from condbench.testing.outcome import require

_STEPS = 3


@check("determinism from the seed")
def determinism_from_the_seed(pair: Composition) -> None:
    """The same seeds give the same parameters, losses, training and samples, to the last bit, and another generator
    gives other samples. Results are reused, resumed and compared by this; randomness comes from torch's global
    generator in losses and from the generator that sample() is given."""
    first, second = pair.build(), pair.build()
    _same(first.state_dict(), second.state_dict(), "built twice from one seed, {} differs")
    x, u = trial.batch(pair.task)
    one, two = (trial.losses(model, x, u) for model in (first, second))
    _same(one, two, "computed twice from one seed, the loss of phase {} differs")
    for model in (first, second):
        trial.train_briefly(model, x, u, _STEPS)
    _same(first.state_dict(), second.state_dict(), "after training twice from one seed, {} differs")

    torch.manual_seed(1)
    samples = trial.draw(first, u)
    torch.manual_seed(2)
    require(
        torch.equal(trial.draw(second, u), samples),
        "the same generator gives other samples: sample() must take all randomness from the generator it is given",
    )
    require(
        not torch.equal(trial.draw(first, u, seed=1), samples),
        "another generator gives the same samples: sample() must take its randomness from the generator it is given",
    )


@check("save and load")
def save_and_load(pair: Composition) -> None:
    """A trained model's state dict, stored as safetensors and loaded into a model that was built from another seed,
    gives the same samples. A cell's model is loaded so by `condbench sample`; what was drawn at random and kept
    outside of the parameters and buffers would be another there."""
    model = pair.build()
    x, u = trial.batch(pair.task)
    trial.train_briefly(model, x, u, _STEPS)
    samples, again = trial.draw(model, u), trial.draw(trial.reloaded(model, pair), u)
    require(
        torch.equal(samples, again),
        "a model that is loaded gives other samples: something that sampling needs is not in the state dict; make it a "
        "parameter or a buffer",
    )


def _same(one: dict[str, Tensor], two: dict[str, Tensor], otherwise: str) -> None:
    require(one.keys() == two.keys(), otherwise.format("the set of names"))
    for name, value in one.items():
        require(torch.equal(value, two[name]), otherwise.format(f"'{name}'"))
