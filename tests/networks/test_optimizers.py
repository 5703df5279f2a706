"""Muon in batches is torch's Muon, and each parameter gets the optimizer that suits it."""

from __future__ import annotations

import torch
from torch import nn

from condbench_plugins.networks.layers import Conv2d
from condbench_plugins.networks.optimizers import Muon, muon_and_adamw


def test_muon_in_batches_does_what_torch_does_one_by_one() -> None:
    torch.manual_seed(0)
    ours = [
        nn.Parameter(torch.randn(shape)) for shape in [(32, 64), (32, 64), (64, 32), (20, 48), (24, 216), (160, 16)]
    ]
    theirs = [nn.Parameter(p.detach().clone()) for p in ours]
    batched, reference = Muon(ours, lr=0.02), torch.optim.Muon(theirs, lr=0.02, weight_decay=0.0)
    for _ in range(4):
        for mine, yours in zip(ours, theirs, strict=True):
            mine.grad = torch.randn_like(mine)
            yours.grad = mine.grad.clone()
        batched.step()
        reference.step()  # type: ignore[no-untyped-call]
    for mine, yours in zip(ours, theirs, strict=True):
        # bfloat16 leaves each update, of size 0.02, two or three digits.
        torch.testing.assert_close(mine, yours, atol=4 * 0.02 * 0.02, rtol=0)


def test_hidden_matrices_go_to_muon_and_the_rest_to_adamw() -> None:
    net = nn.Sequential(Conv2d(16, 32), nn.Linear(32, 16, bias=False), Conv2d(16, 3, bias=False))
    table = nn.Embedding(32, 32)
    model = nn.ModuleList([net, table])
    muon, adamw = (
        {id(p) for group in optimizer.param_groups for p in group["params"]}
        for optimizer in muon_and_adamw(model, model.parameters())
    )
    first, second, last = net
    assert muon == {id(first.weight), id(second.weight)}
    assert adamw == {id(first.bias), id(last.weight), id(table.weight)}
    convolutions, _ = muon_and_adamw(model, model.parameters(), layers=(Conv2d,))
    assert convolutions.param_groups[0]["params"] == [first.weight]
