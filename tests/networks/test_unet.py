"""The U-Net: shapes, a neutral start, and samples that do not see each other; guidance around a network."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from condbench.conditioning import Condition, sites
from condbench_plugins.networks.guidance import guided
from condbench_plugins.networks.unet import UNet


def test_it_starts_at_zero_and_takes_colour_images_of_any_fitting_size() -> None:
    net = UNet((3, 32, 20), width=16, deep_width=24, blocks=2)
    out = net(torch.randn(2, 3, 32, 20), torch.rand(2), None)
    assert out.shape == (2, 3, 32, 20)
    assert not out.any()
    assert [site.role for site in sites(net)].count("input") == 1
    assert [site.role for site in sites(net)].count("output") == 1


def test_a_sample_depends_on_its_own_image_and_time_only() -> None:
    torch.manual_seed(0)
    net = UNet((1, 8, 8), width=16, deep_width=24, blocks=2)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    x, t = torch.randn(3, 1, 8, 8), torch.rand(3)
    out = net(x, t, None)
    other = torch.randn(3, 1, 8, 8)
    other[1] = x[1]
    torch.testing.assert_close(net(other, t, None)[1], out[1])
    assert not torch.allclose(net(x, t + 0.5, None), out, atol=1e-3)


@pytest.mark.parametrize(("scale", "expected"), [(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)])
def test_guidance_extrapolates_from_the_dropped_to_the_kept(scale: float, expected: float) -> None:
    def net(x: Tensor, t: Tensor, u: Condition) -> Tensor:
        estimate = torch.where(u.kept, 3.0, 1.0)
        return estimate[:, None, None, None].expand_as(x)

    x, u = torch.zeros(2, 1, 4, 4), Condition.of(torch.arange(2))
    torch.testing.assert_close(guided(net, x, torch.zeros(2), u, scale), torch.full_like(x, expected))
