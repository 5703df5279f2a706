"""The example's likelihood: over all images there are, it adds up to one."""

from __future__ import annotations

import torch
from condbench_example.coupling_flow import build
from condbench_example.options import CouplingFlowOptions
from torch import nn

from condbench.conditioning import Condition, Conditioned
from condbench.specs import Domain, Task


def test_the_probabilities_of_all_images_add_up_to_one() -> None:
    """Images of two pixels: 256 x 256 of them. The logit leaves out a margin, which holds a little of the density."""
    torch.manual_seed(0)
    task = Task(Domain("image", (1, 1, 2)), (Domain("class", (), 2),))
    model = build(task, Conditioned, CouplingFlowOptions(width=8, couplings=4))
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.15)
    grid = torch.linspace(-1, 1, 256)
    x = torch.cartesian_prod(grid, grid).view(-1, 1, 1, 2)
    u = Condition.of(torch.zeros(len(x), dtype=torch.long))
    with torch.no_grad():
        total = model.log_likelihood(x, u, torch.Generator().manual_seed(0)).exp().sum()
    assert 0.9 < float(total) <= 1.01
