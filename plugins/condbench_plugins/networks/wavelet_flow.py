"""An invertible network of affine couplings on a pyramid of Haar wavelets; the `nf` backbone trains and samples it.

An image is halved twice into a coarse image and the details that it lacks (Yu et al. 2020, "Wavelet flow",
arXiv:2010.13821). A flow of its own carries the coarse image to noise, and one per halving carries details, given the
image that they are details of. The flows are affine couplings (Dinh et al. 2017, "RealNVP", arXiv:1605.08803) of fully
connected layers, which cost far less than convolutions at these sizes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Context, Site
from condbench_plugins.networks.layers import divisible_by_4

_LOG_SCALE = 1.0  # bounds the logarithm of a coupling's scale, so that no inverse explodes


class Coupling(nn.Module):
    """Scales and shifts one half of x by a function of the other half and of what is given (RealNVP, eq. 7 and 8).

    Which numbers are in which half is drawn at random once. The ``first`` coupling of a level is where u gets in at the
    input; in those behind it, that site is a layer like others.
    """

    order: Tensor

    def __init__(self, size: int, given: int, width: int, *, first: bool) -> None:
        super().__init__()
        self.kept = size // 2
        self.register_buffer("order", torch.randperm(size))
        self.first = nn.Linear(self.kept + given, width)
        self.input = Site(width, dim=-1, role="input" if first else "hidden")
        self.site = Site(width, dim=-1, norm=nn.LayerNorm(width, elementwise_affine=False))
        self.expand = nn.Linear(width, width)
        self.contract = nn.Linear(width, width)
        self.branch = Site(width, dim=-1, role="branch")
        self.output = Site(width, dim=-1, role="output", norm=nn.LayerNorm(width, elementwise_affine=False))
        self.last = nn.Linear(width, 2 * (size - self.kept))
        for layer in (self.contract, self.last):  # the coupling starts as the identity
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, given: Tensor, c: Context | None) -> tuple[Tensor, Tensor]:
        """x (B, size), given (B, given) -> (B, size) and the logarithm of the scale of volumes (B,)."""
        kept, changed = x[:, self.order].tensor_split((self.kept,), dim=1)
        log_scale, shift = self._scale_and_shift(kept, given, c)
        return torch.cat([kept, (changed - shift) * (-log_scale).exp()], dim=1), -log_scale.sum(1)

    def inverse(self, z: Tensor, given: Tensor, c: Context | None) -> Tensor:
        """The x that `forward` maps to z."""
        kept, changed = z.tensor_split((self.kept,), dim=1)
        log_scale, shift = self._scale_and_shift(kept, given, c)
        return torch.cat([kept, changed * log_scale.exp() + shift], dim=1)[:, self.order.argsort()]

    def _scale_and_shift(self, kept: Tensor, given: Tensor, c: Context | None) -> tuple[Tensor, Tensor]:
        h = self.input(self.first(torch.cat([kept, given], dim=1)), c)
        h = h + self.branch(self.contract(F.silu(self.expand(self.site(h, c)))), c)
        # Layers may give bfloat16; the bijection itself needs float32.
        log_scale, shift = self.last(F.silu(self.output(h, c))).float().chunk(2, dim=1)
        return _LOG_SCALE * torch.tanh(log_scale / _LOG_SCALE), shift


class Couplings(nn.Module):
    """An affine map of each number by itself, then couplings: vectors of one level of the pyramid to noise.

    Args:
        size: numbers in x.
        given: numbers in what x depends on.
        width: of the couplings' layers.
        count: how many couplings.
        log_deviation: of the numbers, about, so that what leaves the affine map is of order one at first.
    """

    def __init__(self, size: int, given: int, width: int, count: int, log_deviation: float) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(size))
        self.log_deviation = nn.Parameter(torch.full((size,), log_deviation))
        self.couplings = nn.ModuleList(Coupling(size, given, width, first=i == 0) for i in range(count))

    def forward(self, x: Tensor, given: Tensor, c: Context | None) -> tuple[Tensor, Tensor]:
        """x (B, size), given (B, given) -> noise (B, size) and the logarithm of the scale of volumes (B,)."""
        x = (x - self.mean) * (-self.log_deviation).exp()
        log_volume = -self.log_deviation.sum()
        for coupling in self.couplings:
            x, log_scale = coupling(x, given, c)
            log_volume = log_volume + log_scale
        return x, log_volume

    def inverse(self, z: Tensor, given: Tensor, c: Context | None) -> Tensor:
        """The x that `forward` maps to z."""
        for coupling in reversed(self.couplings):
            z = coupling.inverse(z, given, c)  # type: ignore[operator]
        return z * self.log_deviation.exp() + self.mean


class WaveletFlow(nn.Module):
    """Images to noise and back.

    Args:
        shape: (C, H, W) of the images.
        width: of the couplings of the coarse image, and of the details that double it once.
        fine_width: of the couplings of the finest details.

    Raises:
        UserError: where H or W is not a multiple of 4.
    """

    def __init__(self, shape: tuple[int, ...], width: int, fine_width: int) -> None:
        super().__init__()
        self.shape = divisible_by_4(shape, "the wavelet flow of nf")
        size = math.prod(shape)
        half, quarter = size // 4, size // 16  # how many numbers are left when an image was halved once, and twice
        self.sizes = [quarter, half - quarter, size - half]
        self.coarse = Couplings(quarter, 0, width, count=10, log_deviation=0.0)
        self.middle = Couplings(half - quarter, quarter, width, count=5, log_deviation=-0.5)
        self.fine = Couplings(size - half, half, fine_width, count=3, log_deviation=-1.0)
        # `halve` scales volumes once for each coarse number.
        self.log_volume = -math.log(2) * (half + quarter)

    def forward(self, x: Tensor, c: Context | None, *, inverse: bool = False) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W) -> noise (B, numbers) and the logarithm of the scale of volumes (B,).

        With ``inverse`` noise -> images, and zeros.
        """
        if inverse:
            return self._inverse(x, c), x.new_zeros(len(x))
        half, fine = halve(x)
        coarse, middle = halve(half)
        flows = [
            self.coarse(coarse.flatten(1), x.new_empty(len(x), 0), c),
            self.middle(middle.flatten(1), coarse.flatten(1), c),
            self.fine(fine.flatten(1), half.flatten(1), c),
        ]
        noise, log_volumes = zip(*flows, strict=True)
        return torch.cat(noise, dim=1), torch.stack(log_volumes).sum(0) + self.log_volume

    def _inverse(self, noise: Tensor, c: Context | None) -> Tensor:
        channels, height, width = self.shape
        of_coarse, of_middle, of_fine = torch.split(noise, self.sizes, dim=1)
        coarse = self.coarse.inverse(of_coarse, noise.new_empty(len(noise), 0), c)
        middle = self.middle.inverse(of_middle, coarse, c)
        half = double(
            coarse.view(-1, channels, height // 4, width // 4), middle.view(-1, 3 * channels, height // 4, width // 4)
        )
        fine = self.fine.inverse(of_fine, half.flatten(1), c)
        return double(half, fine.view(-1, 3 * channels, height // 2, width // 2))


def halve(x: Tensor) -> tuple[Tensor, Tensor]:
    """Images (B, C, H, W) -> the means of 2 x 2 pixels (B, C, H / 2, W / 2), and details (B, 3 C, H / 2, W / 2).

    The means are on the scale of pixels; the details on that on which noise keeps its deviation.
    """
    batch, channels, height, width = x.shape
    pixels = F.pixel_unshuffle(x, 2).view(batch, channels, 4, height // 2, width // 2)
    mixed = _haar(pixels.transpose(1, 2))
    return mixed[:, 0] / 2, mixed[:, 1:].flatten(1, 2)


def double(coarse: Tensor, details: Tensor) -> Tensor:
    """The inverse of `halve`."""
    mixed = torch.cat([2 * coarse, details], dim=1).view(len(coarse), 4, *coarse.shape[1:])
    pixels = _haar(mixed)
    return F.pixel_shuffle(pixels.transpose(1, 2).flatten(1, 2), 2)


def _haar(x: Tensor) -> Tensor:
    """The Haar transform of 2 x 2 pixels, orthogonal and its own inverse: (B, 4, ...) -> the same shape.

    Sums rather than a matrix product, which autocast would round to bfloat16.
    """
    a, b, c, d = (x / 2).unbind(1)
    return torch.stack([a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d], dim=1)
