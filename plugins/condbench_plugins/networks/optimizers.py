"""The optimizers that the built-in backbones train with."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn


def muon_and_adamw(
    module: nn.Module,
    parameters: Iterable[nn.Parameter],
    *,
    muon_lr: float = 0.02,
    adamw_lr: float = 2e-3,
    betas: tuple[float, float] = (0.9, 0.99),
) -> list[torch.optim.Optimizer]:
    """Muon on the hidden weight matrices among ``parameters``, AdamW on the rest.

    Hidden matrices are those of `Conv2d` and `nn.Linear` that are at least 16 wide on both sides; embeddings,
    biases, gains and thin first or last layers go to AdamW (Jordan et al. 2024, "Muon: an optimizer for hidden
    layers in neural networks").
    """
    wanted = {id(p) for p in parameters}
    hidden: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    matrices = {
        id(m.weight) for m in module.modules() if hasattr(m, "weight") and not isinstance(m, nn.Embedding)
    }
    for parameter in module.parameters():
        if id(parameter) not in wanted:
            continue
        is_hidden = id(parameter) in matrices and parameter.ndim == 2 and min(parameter.shape) >= 16
        (hidden if is_hidden else rest).append(parameter)
    optimizers: list[torch.optim.Optimizer] = []
    if hidden:
        optimizers.append(torch.optim.Muon(hidden, lr=muon_lr, momentum=0.95, weight_decay=0.0))
    if rest:
        optimizers.append(torch.optim.AdamW(rest, lr=adamw_lr, betas=betas, weight_decay=0.0, fused=True))
    return optimizers
