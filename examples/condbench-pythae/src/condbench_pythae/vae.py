"""The backbone: pythae's VAE (Chadebec et al. 2022, arXiv:2206.08309), its default networks and its loss.

The networks are pythae's own and pass no context on. So sites are put among their layers, and the context is left in
each of them before a call. `build` is what the registry names.
"""

from __future__ import annotations

import torch
from pythae.models import VAE, VAEConfig
from torch import Tensor, nn

from condbench.conditioning import Condition, Conditioned, Context, Site, Wrap, sites
from condbench.model import Model
from condbench.specs import Task
from condbench_pythae.options import VaeOptions


class PlantedSite(Site):
    """A site in a network that hands it no context: ``context`` is what the last call left here."""

    context: Context | None = None

    def forward(self, h: Tensor, c: Context | None = None) -> Tensor:
        """Features in, features of the same shape out."""
        return super().forward(h, self.context)


class SitedVae(nn.Module):
    """`pythae.models.VAE`: an encoder and a decoder of one hidden layer each, both conditioned."""

    def __init__(self, shape: tuple[int, ...], latent: int) -> None:
        super().__init__()
        self.vae = VAE(VAEConfig(input_dim=shape, latent_dim=latent, reconstruction_loss="bce"))
        for network in (self.vae.encoder, self.vae.decoder):
            linear, activation = network.layers[0]
            before = PlantedSite(linear.out_features, dim=-1, role="input")
            behind = PlantedSite(linear.out_features, dim=-1, role="output")
            network.layers[0] = nn.Sequential(linear, before, activation, behind)

    def forward(self, v: Tensor, c: Context | None, *, decode: bool = False) -> Tensor:
        """-ELBO () of images (B, C, H, W) in [0, 1]; to decode, latents (B, latent) -> the mean images."""
        for site in sites(self.vae):
            assert isinstance(site, PlantedSite)
            site.context = c
        out: Tensor = self.vae.decoder(v).reconstruction if decode else self.vae({"data": v}).loss
        return out


class PythaeVae(Model):
    """P(x|u) as the integral over z ~ N(0, I) of P(x|z, u), intensities being read as probabilities of ink."""

    def __init__(self, net: Conditioned, latent: int) -> None:
        super().__init__()
        self.net, self.latent = net, latent

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """-ELBO, nats per image."""
        # The logarithms of probabilities, which pythae takes behind the sigmoid, need float32.
        with torch.autocast(x.device.type, enabled=False):
            loss: Tensor = self.net((x + 1) / 2, u=u)
        return loss

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """The mean images of latents from the prior."""
        z = torch.randn(len(u), self.latent, generator=generator, device=self.device)
        ink: Tensor = self.net(z, u=u, decode=True).float()
        return 2 * ink - 1


def build(task: Task, wrap: Wrap, options: VaeOptions) -> PythaeVae:
    """A model of images of any shape."""
    return PythaeVae(wrap(SitedVae(task.target.shape, options.latent)), options.latent)
