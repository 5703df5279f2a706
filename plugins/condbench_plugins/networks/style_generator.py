"""The generator of `backbones.stylegan`: a mapping network, and a synthesis network that its styles modulate."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Context, Site
from condbench_plugins.networks.layers import ChannelNorm, Conv2d, divisible_by_4

LAYERS = 5
"""Layers that a style modulates."""

_STYLE = 128  # size of a style
_SLOPE = 0.2  # of the leaky ReLU
_GAIN = math.sqrt(2 / (1 + _SLOPE**2))  # keeps the variance of what goes through it


class Mapping(nn.Module):
    """Noise to style: the noise is brought to unit length per number, and goes through two layers."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.first = nn.Linear(latent, _STYLE)
        self.input = Site(_STYLE, dim=-1, role="input")
        self.hidden = Site(_STYLE, dim=-1)
        self.second = nn.Linear(_STYLE, _STYLE)
        for layer in (self.first, self.second):
            nn.init.normal_(layer.weight, std=_GAIN / math.sqrt(layer.in_features))

    def forward(self, z: Tensor, c: Context | None) -> Tensor:
        """(B, latent) -> (B, style)."""
        h = self.first(F.rms_norm(z, z.shape[1:]))
        h = F.leaky_relu(self.input(h, c), _SLOPE)
        return F.leaky_relu(self.second(self.hidden(h, c)), _SLOPE)


class ModulatedConv2d(nn.Module):
    """A convolution whose input channels are scaled by a style (Karras et al. 2020, section 2.2).

    Each output is divided by the norm of the weights that made it, scaled as they are (demodulation): features keep
    unit variance whatever the style, without looking at their statistics. Scaling features before and behind one
    convolution is the same as a convolution per sample with scaled weights, and runs as one.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.style = nn.Linear(_STYLE, in_channels)
        self.convolution = Conv2d(in_channels, out_channels, bias=False)
        nn.init.normal_(self.style.weight, std=1 / math.sqrt(_STYLE))
        nn.init.ones_(self.style.bias)

    def forward(self, h: Tensor, w: Tensor) -> Tensor:
        """(B, in, H, W), styles (B, style) -> (B, out, H, W)."""
        scale: Tensor = self.style(w)
        out: Tensor = self.convolution(h * scale[:, :, None, None])
        squares = self.convolution.weight.view(out.shape[1], -1, h.shape[1]).square().sum(1)  # (out, in)
        norm = F.linear(scale.square(), squares).add(1e-8).rsqrt()
        return out * norm[:, :, None, None].to(out.dtype)


class _Layer(nn.Module):
    """Site, modulated convolution, noise and bias, leaky ReLU: added to what it was given, or twice as high and wide.

    The papers' layers are not residual; in one run of 1.5e12 FLOPs, adding brought FID from 28 down to 10.
    """

    def __init__(self, in_channels: int, out_channels: int, *, grows: bool = False) -> None:
        super().__init__()
        self.shuffle = 2 if grows else 1
        self.site = Site(in_channels, norm=ChannelNorm())
        self.convolution = ModulatedConv2d(in_channels, out_channels * self.shuffle**2)
        self.noise = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(out_channels, 1, 1))
        self.gate = None if grows else Site(out_channels, role="branch")

    def forward(self, h: Tensor, w: Tensor, c: Context | None, rng: torch.Generator | None) -> Tensor:
        """(B, in, H, W), styles (B, style) -> (B, out, H, W), or (B, out, 2 H, 2 W) if it grows."""
        inner = F.pixel_shuffle(self.convolution(self.site(h, c), w), self.shuffle)
        inner = inner.contiguous(memory_format=torch.channels_last)
        noise = torch.randn(len(inner), 1, *inner.shape[2:], generator=rng, device=inner.device)
        inner = inner + (self.noise * noise).to(inner.dtype) + self.bias.to(inner.dtype)
        inner = _GAIN * F.leaky_relu(inner, _SLOPE)
        return inner if self.gate is None else h + self.gate(inner, c)


class StyleGenerator(nn.Module):
    """Noise to styles, which modulate layers at a quarter and at half of the resolution; then 2 x 2 pixels a position.

    The last layer is demodulated too, unlike the papers': its features go through tanh, which a style that scales them
    without bound drives into saturation, where the generator gets no gradient and the discriminator wins.

    Args:
        shape: (C, H, W) of the images, H and W divisible by 4.
        latent: size of the noise that styles are made of.
        width: channels at a quarter of the resolution.
        fine_width: channels at half of it.
    """

    def __init__(self, shape: tuple[int, ...], latent: int, width: int, fine_width: int) -> None:
        super().__init__()
        channels, height, columns = divisible_by_4(shape, "the generator of stylegan")
        self.mapping = Mapping(latent)
        self.constant = nn.Parameter(torch.randn(1, height // 4, columns // 4, width))
        self.layers = nn.ModuleList(
            [
                _Layer(width, width),
                _Layer(width, width),
                _Layer(width, fine_width, grows=True),
                _Layer(fine_width, fine_width),
            ]
        )
        self.output = Site(fine_width, role="output", norm=ChannelNorm())
        self.last = ModulatedConv2d(fine_width, 4 * channels)
        self.bias = nn.Parameter(torch.zeros(4 * channels, 1, 1))

    def forward(
        self,
        z: Tensor,
        c: Context | None,
        *,
        mixed: tuple[Tensor, Tensor] | None = None,
        rng: torch.Generator | None = None,
    ) -> Tensor:
        """(B, latent) -> (B, C, H, W) in [-1, 1], float32.

        ``mixed`` is other noise (B, latent), and the layer (B,) from which on its style takes over. The noise in each
        layer comes from ``rng``, or from torch's global generator.
        """
        styles = self._styles(z, c, mixed)
        h = self.constant.expand(len(z), -1, -1, -1).movedim(-1, 1)  # channels-last in memory
        for layer, w in zip(self.layers, styles[:-1], strict=True):
            h = layer(h, w, c, rng)
        h = self.last(self.output(h, c), styles[-1])
        return F.pixel_shuffle(h.float() + self.bias, 2).tanh()

    def _styles(self, z: Tensor, c: Context | None, mixed: tuple[Tensor, Tensor] | None) -> Tensor:
        """A style for every layer: (LAYERS, B, style)."""
        w: Tensor = self.mapping(z, c).expand(LAYERS, -1, -1)
        if mixed is None:
            return w
        other, crossover = mixed
        layer = torch.arange(LAYERS, device=z.device)[:, None]
        return torch.where((layer < crossover)[:, :, None], w, self.mapping(other, c))
