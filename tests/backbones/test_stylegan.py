"""What is special about the style-based GAN: modulated convolutions, mixed styles, noise in every layer."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from condbench.conditioning import Condition, Conditioned
from condbench.specs import Domain, Task
from condbench_plugins.backbones.stylegan import StyleGan, build
from condbench_plugins.networks.style_generator import LAYERS, ModulatedConv2d, StyleGenerator
from condbench_plugins.options import StyleGanOptions

TASK = Task(Domain("image", (1, 8, 8)), (Domain("class", (), 4),))


def model(**options: float) -> StyleGan:
    torch.manual_seed(0)
    return build(TASK, Conditioned, StyleGanOptions(width=16, fine_width=8, latent=4, **options))


def network() -> StyleGenerator:
    net = model().generator.net
    assert isinstance(net, StyleGenerator)
    return net


def test_a_modulated_convolution_is_one_with_weights_of_its_own_for_each_sample() -> None:
    """Equations 1 and 3 of the second paper, literally."""
    torch.manual_seed(0)
    layer = ModulatedConv2d(6, 10)
    h, w = torch.randn(3, 6, 5, 4), torch.randn(3, 128)
    kernel = layer.convolution.weight.view(10, 3, 3, 6).permute(0, 3, 1, 2)
    expected = []
    for one, scale in zip(h, layer.style(w), strict=True):
        modulated = kernel * scale[:, None, None]
        modulated = modulated / (modulated.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        expected.append(F.conv2d(one[None], modulated, padding=1))
    torch.testing.assert_close(layer(h, w), torch.cat(expected), atol=1e-5, rtol=1e-5)


def test_demodulation_gives_features_unit_variance() -> None:
    torch.manual_seed(0)
    net = StyleGenerator((1, 32, 32), latent=4, width=32, fine_width=16)
    squares = []

    def observe(convolution: nn.Module, args: object, h: torch.Tensor) -> None:
        squares.append(h.detach()[:, :, 2:-2, 2:-2].square().mean().item())  # zero padding thins the borders out

    for layer in net.layers:
        layer.convolution.register_forward_hook(observe)
    net(torch.randn(256, 4), None)
    assert squares == pytest.approx([1.0] * len(squares), rel=0.3)


def test_styles_mix_at_the_crossover() -> None:
    net = network()
    z, other = torch.randn(2, 3, 4)
    mine, others = net.mapping(z, None), net.mapping(other, None)
    styles = net._styles(z, None, (other, torch.tensor([1, 3, LAYERS])))
    for sample, crossover in enumerate([1, 3, LAYERS]):
        assert torch.equal(styles[:crossover, sample], mine[sample].expand(crossover, -1))
        assert torch.equal(styles[crossover:, sample], others[sample].expand(LAYERS - crossover, -1))


@pytest.mark.parametrize(("mixing", "share"), [(0.0, 0.0), (0.6, 0.6), (1.0, 1.0)])
def test_the_share_of_mixed_images(mixing: float, share: float) -> None:
    gan = model(mixing=mixing)
    seen = []
    gan.generator.register_forward_pre_hook(lambda _, args, kwargs: seen.append(kwargs["mixed"][1]), with_kwargs=True)
    gan.generate(Condition.of(torch.zeros(1000, dtype=torch.long)))
    (crossover,) = seen
    assert float((crossover < LAYERS).float().mean()) == pytest.approx(share, abs=0.05)
    assert set(crossover.tolist()) <= set(range(1, LAYERS + 1))


def test_every_layers_noise_comes_from_the_samplers_generator_and_shows() -> None:
    gan = model()
    u = Condition.of(torch.zeros(8, dtype=torch.long))
    with torch.no_grad():
        before = gan.sample(u, torch.Generator().manual_seed(1))
        images = []
        for layer in gan.generator.net.layers:
            layer.noise.fill_(0.5)
            torch.manual_seed(len(images))  # sampling must not look at it
            images.append(gan.sample(u, torch.Generator().manual_seed(1)))
            assert torch.equal(images[-1], gan.sample(u, torch.Generator().manual_seed(1)))
            assert (images[-1] - (images[-2] if images[1:] else before)).abs().mean() > 1e-3
        z = torch.randn(1, 4).expand(8, -1)
        same_style = gan.generator(z, u=u, rng=torch.Generator().manual_seed(1))
    assert (same_style[0] - same_style[1]).abs().mean() > 1e-3, "one style, two images"


def test_what_makes_styles_learns_slowly_and_nothing_is_left_out() -> None:
    gan = model()
    (optimizer,) = gan.optimizers("generator")
    slow, fast = ({id(p) for p in group["params"]} for group in optimizer.param_groups)
    assert not slow & fast and slow | fast == {id(p) for p in gan.generator.parameters()}
    named = {name for name, p in gan.generator.named_parameters() if id(p) in slow}
    assert named == {n for n, _ in gan.generator.named_parameters() if ".mapping." in n or ".style." in n}
    assert optimizer.param_groups[0]["lr"] < optimizer.param_groups[1]["lr"]
