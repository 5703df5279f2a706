"""The optimizers that the built-in backbones train with."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from condbench.conditioning import ConditionEncoder, adapters
from condbench_plugins.networks.layers import Conv2d

# Quintic iteration with the steepest slope at zero that keeps singular values within about [0.7, 1.2].
_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
_NEWTON_SCHULZ_STEPS = 5


class Muon(torch.optim.Optimizer):
    """Momentum orthogonalised by Newton-Schulz steps, for hidden weight matrices.

    Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks". The same rule as `torch.optim.Muon`
    without weight decay, but matrices of one shape go through the iteration together: small networks spend their
    time in starting operations, and this more than halves the optimizer's.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, momentum: float = 0.95) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            momentum = group["momentum"]
            by_shape: dict[torch.Size, list[Tensor]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape.setdefault(parameter.shape, []).append(parameter)
            for (rows, columns), parameters in by_shape.items():
                gradient = torch.stack([p.grad for p in parameters if p.grad is not None])
                average = [self._average(p) for p in parameters]
                torch._foreach_lerp_(average, list(gradient.unbind()), 1 - momentum)
                direction = orthogonalise(gradient.lerp_(torch.stack(average), momentum)).float()
                rate = group["lr"] * math.sqrt(max(1, rows / columns))
                torch._foreach_add_(parameters, list(direction.unbind()), alpha=-rate)

    def _average(self, parameter: Tensor) -> Tensor:
        """The moving average of the parameter's gradient."""
        state = self.state[parameter]
        if not state:
            state["average"] = torch.zeros_like(parameter)
        average: Tensor = state["average"]
        return average


def orthogonalise(matrices: Tensor) -> Tensor:
    """The nearest semi-orthogonal matrices, roughly: (N, rows, columns) -> the same shape in bfloat16."""
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    x = _iterate_small(x) if x.shape[2] >= 4 * x.shape[1] else _iterate(x.bfloat16())
    return x.mT if tall else x


def _iterate(x: Tensor) -> Tensor:
    """Newton-Schulz: x -> (a + b g + c g^2) x with g = x x^T, several times."""
    a, b, c = _NEWTON_SCHULZ
    for _ in range(_NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


def _iterate_small(x: Tensor) -> Tensor:
    """The same for matrices much wider than high, as a convolution's are, at less than half the arithmetic.

    Each step multiplies x and g by polynomials of g, which commute. So the steps run on the small g alone, and x is
    multiplied once, by all of them together. Rounded to bfloat16, g would get negative eigenvalues, which the
    iteration blows up: it stays in float32.
    """
    gram = x @ x.mT
    factor = total = _polynomial(gram)
    for _ in range(_NEWTON_SCHULZ_STEPS - 1):
        gram = gram @ factor @ factor
        factor = _polynomial(gram)
        total = total @ factor
    return total.bfloat16() @ x.bfloat16()


def _polynomial(gram: Tensor) -> Tensor:
    """a + b g + c g^2."""
    a, b, c = _NEWTON_SCHULZ
    result = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
    result.diagonal(dim1=1, dim2=2).add_(a)
    return result


def muon_and_adamw(
    module: nn.Module,
    parameters: Iterable[nn.Parameter],
    *,
    muon_lr: float = 0.02,
    layers: tuple[type[nn.Module], ...] = (Conv2d, nn.Linear),
) -> list[torch.optim.Optimizer]:
    """Muon on the hidden weight matrices among ``parameters``, AdamW on the rest.

    Hidden matrices are those of ``layers`` that are at least 16 wide on both sides; embeddings, biases, gains and thin
    first or last layers go to AdamW. So does the path of u, whatever it is: how it learns must not depend on the
    backbone. Muon's arithmetic depends on the size of a matrix only, so it is dear for one that sees one vector per
    sample: a network of convolutions may leave out its linear layers.
    """
    wanted = {id(p) for p in parameters}
    hidden: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    matrices = {id(m.weight) for m in module.modules() if isinstance(m, layers)}
    of_u = [*adapters(module), *(m for m in module.modules() if isinstance(m, ConditionEncoder))]
    matrices -= {id(parameter) for part in of_u for parameter in part.parameters()}
    for parameter in module.parameters():
        if id(parameter) not in wanted:
            continue
        is_hidden = id(parameter) in matrices and parameter.ndim == 2 and min(parameter.shape) >= 16
        (hidden if is_hidden else rest).append(parameter)
    optimizers: list[torch.optim.Optimizer] = []
    if hidden:
        optimizers.append(Muon(hidden, lr=muon_lr))
    if rest:
        optimizers.append(torch.optim.AdamW(rest, lr=2e-3, betas=(0.9, 0.99), weight_decay=0.0, fused=True))
    return optimizers
