"""What the layers share: the check of an image's size, the same for every network that halves it twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from condbench.errors import UserError
from condbench_plugins.networks.critic import Critic
from condbench_plugins.networks.fsq import CodeAutoencoder
from condbench_plugins.networks.generator import Generator
from condbench_plugins.networks.style_generator import StyleGenerator
from condbench_plugins.networks.unet import UNet

Shape = tuple[int, ...]


@pytest.mark.parametrize("shape", [(1, 30, 28), (1, 28, 30)])
@pytest.mark.parametrize(
    "name, build",
    [
        ("the U-Net of flow and diffusion", lambda shape: UNet(shape, width=16, deep_width=24, blocks=2)),
        ("the autoencoder of ar", lambda shape: CodeAutoencoder(shape, (4, 3), width=16)),
        ("the generator of gan", lambda shape: Generator(shape, latent=4, width=16, fine_width=8)),
        ("the generator of stylegan", lambda shape: StyleGenerator(shape, latent=4, width=16, fine_width=8)),
        ("the critic of gan, stylegan and ebm", lambda shape: Critic(shape, width=16, depth=1, fine_width=8)),
    ],
)
def test_an_image_that_cannot_be_halved_twice_is_refused(
    name: str, build: Callable[[Shape], object], shape: Shape
) -> None:
    with pytest.raises(UserError, match=f"^{name} halves .* multiples of 4, not {shape[1]} x {shape[2]}: .*[.]$"):
        build(shape)
