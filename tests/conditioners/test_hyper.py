"""The hypernetwork: what it does to features is what a changed weight behind them would do."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from condbench.conditioning import Condition, sites
from condbench_plugins.conditioners.hyper import LowRank, make
from condbench_plugins.options import HyperOptions
from tests.toys import CLASSES, ConvNet, make_encoder


@pytest.mark.parametrize("extent", [(), (6,), (3, 5)])
def test_it_changes_the_weights_behind_it_by_a_matrix_of_low_rank(extent: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    rank, behind = 2, nn.Linear(8, 10, bias=False)
    adapter = LowRank(8, 16, rank)
    nn.init.normal_(adapter.write.weight)
    c = make_encoder()(Condition.of(torch.arange(CLASSES)))
    change = torch.stack([adapter(torch.eye(8)[:, None], _of(c, k))[:, 0].T for k in range(CLASSES)]) - torch.eye(8)
    assert [int(torch.linalg.matrix_rank(matrix, rtol=1e-4)) for matrix in change] == [rank] * CLASSES

    h = torch.randn(CLASSES, *extent, 8)
    weights = behind.weight @ (torch.eye(8) + change)
    expected = torch.stack([one @ weight.T for one, weight in zip(h, weights, strict=True)])
    torch.testing.assert_close(behind(adapter(h, c)), expected, atol=1e-4, rtol=1e-4)


def _of(c, k: int):
    """The context of one sample, eight times over."""
    return type(c)(c.pooled[k : k + 1].expand(8, -1), c.tokens[k : k + 1].expand(8, -1, -1))


def test_it_learns_from_a_neutral_start() -> None:
    torch.manual_seed(0)
    adapter, encoder = LowRank(8, 16, 4), make_encoder()
    h = torch.randn(CLASSES, 6, 8)
    out = adapter(h, encoder(Condition.of(torch.arange(CLASSES))))
    torch.testing.assert_close(out, h)
    (out * torch.randn_like(out)).sum().backward()
    assert adapter.write.weight.grad.abs().sum() > 0


def test_it_acts_in_every_layer_with_the_rank_asked_for() -> None:
    net = ConvNet()
    make(HyperOptions(rank=3)).fill(net, 16)
    assert {site.role for site in sites(net) if isinstance(site.adapter, LowRank)} == {"hidden", "output"}
    assert net.output.adapter.write.out_features == 3 * 8
