"""Label planes: a convolution of [features, planes], and nothing but label-embedding away from the borders."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from condbench.conditioning import Condition, Context, Site, sites
from condbench_plugins.conditioners.concat import LabelPlanes, make
from condbench_plugins.conditioners.label_embedding import AddEmbedding
from condbench_plugins.options import ConcatOptions
from tests.toys import CLASSES, ConvNet, make_encoder


def planes() -> LabelPlanes:
    torch.manual_seed(0)
    adapter = LabelPlanes(8, 16, planes=3)
    nn.init.normal_(adapter.mix.weight)
    return adapter


def context(size: int = 4) -> Context:
    context: Context = make_encoder()(Condition.of(torch.arange(size) % CLASSES))
    return context


def test_it_is_a_convolution_of_concatenated_features_and_planes() -> None:
    adapter, c, h = planes(), context(), torch.randn(4, 6, 5, 8)
    constant = adapter.planes(c.pooled)[:, None, None].expand(-1, 6, 5, -1)
    pass_on = torch.zeros(8, 8, 3, 3)
    pass_on[torch.arange(8), torch.arange(8), 1, 1] = 1.0
    kernel = torch.cat([pass_on, adapter.mix.weight], dim=1)
    expected = F.conv2d(torch.cat([h, constant], dim=3).movedim(-1, 1), kernel, padding=1).movedim(1, -1)
    torch.testing.assert_close(adapter(h, c), expected)


def test_it_is_a_bias_but_for_the_borders() -> None:
    """The degeneracy of label planes: inside, they add one vector per label, as label-embedding does."""
    adapter, c, h = planes(), context(), torch.randn(4, 7, 7, 8)
    added = adapter(h, c) - h
    inside = added[:, 1:-1, 1:-1]
    torch.testing.assert_close(inside, inside[:, :1, :1].expand_as(inside), atol=1e-5, rtol=1e-5)
    for border in (added[:, 0], added[:, -1], added[:, :, 0], added[:, :, -1]):
        assert (border[:, 3] - added[:, 3, 3]).abs().amax() > 0.1
    assert (added[0] - added[1]).abs().amax() > 0.1, "the label must matter"


def test_a_vector_is_an_image_of_one_position() -> None:
    adapter, c, h = planes(), context(), torch.randn(4, 8)
    torch.testing.assert_close(adapter(h, c), adapter(h[:, None, None], c)[:, 0, 0])


def test_it_acts_at_the_input_only_and_where_features_come_last_it_adds_an_embedding() -> None:
    conditioner, net = make(ConcatOptions()), ConvNet()
    conditioner.fill(net, 16)
    assert [(site.role) for site in sites(net) if site.adapter is not None] == ["input"]
    assert isinstance(net.input.adapter, LabelPlanes)
    assert isinstance(conditioner.adapter(Site(8, dim=-1, role="input"), 16), AddEmbedding)
