"""Flow matching: a velocity field that carries noise to data along straight lines.

Lipman et al. 2023, arXiv:2210.02747; Liu et al. 2023, arXiv:2209.03003. x_t = (1 - t) noise + t data; so x_t / t is
data + sigma * noise with sigma = (1 - t) / t, and a velocity is a score in disguise. `build` is what the registry
names.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Condition, Wrap
from condbench.model import ScoreModel
from condbench.specs import Task
from condbench_plugins.networks.bound import log_likelihood_of_images
from condbench_plugins.networks.guidance import EVERYWHERE, Interval, guided
from condbench_plugins.networks.layers import Conv2d
from condbench_plugins.networks.optimizers import muon_and_adamw
from condbench_plugins.networks.unet import UNet
from condbench_plugins.options import FlowOptions

# Of the times in training; the logit of t is -ln(sigma).
_LOGIT_MEAN = -0.5
_STRONGEST = 20.0  # noise level that a guide is asked at; beyond it are six of a thousand times of training


class Flow(ScoreModel):
    """dx/dt = v(x, t, u) from noise at t = 0 to data at t = 1; ``velocity`` is called as ``v(x, t, u=u)``.

    Args:
        velocity: maps (B, *shape) at times (B,) to (B, *shape).
        shape: of the data, without the batch.
        steps: of the sampler, two network evaluations each but for the last, which takes one.
        temperature: the deviation of the noise that samples are made of.
        guidance: the scale of classifier-free guidance; 1 is none.
        interval: the noise levels at which sampling is guided.
    """

    batch_size = 32
    likelihood = "lower bound (ELBO)"

    def __init__(
        self,
        velocity: nn.Module,
        shape: tuple[int, ...],
        *,
        steps: int,
        temperature: float = 1.0,
        guidance: float = 1.0,
        interval: Interval = EVERYWHERE,
    ) -> None:
        super().__init__()
        self.velocity, self.shape, self.steps = velocity, shape, steps
        self.temperature, self.guidance, self.interval = temperature, guidance, interval

    def noised(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x_t / t, and (1 - t) / t, at the times that training draws."""
        t = _times(x)
        sigma = (1 - t) / t
        return x + _like(sigma, x) * torch.randn_like(x), sigma

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """The regression on straight lines, E |v(x_t, t, u) - (x - noise)|^2 (Lipman et al., eq. 23)."""
        noise = torch.randn_like(x)
        t = _times(x)
        x_t = torch.lerp(noise, x, _like(t, x))
        return F.mse_loss(self.velocity(x_t, t, u=u).float(), x - noise)

    def optimizers(self, phase: str) -> list[torch.optim.Optimizer]:
        """Muon on the hidden convolutions, AdamW on the rest."""
        return muon_and_adamw(self, self.phase_parameters(phase), muon_lr=0.01, layers=(Conv2d,))

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """Heun's second-order method on an even grid of times; the last step is Euler's, as in EDM (algorithm 1).

        Its other slope would be the velocity at t = 1, where there is no noise left and training hardly ever looks.
        The noise may have a reduced temperature (Kingma & Dhariwal 2018, arXiv:1807.03039, section 6).
        """
        x = self.temperature * torch.randn(len(u), *self.shape, generator=generator, device=generator.device)
        step = 1 / self.steps
        for i in range(self.steps):
            slope = self._slope(x, i / self.steps, u)
            if i < self.steps - 1:
                end = self._slope(x + step * slope, (i + 1) / self.steps, u)
                slope = (slope + end) / 2
            x = x + step * slope
        return x

    def log_likelihood(self, x: Tensor, u: Condition, generator: torch.Generator) -> Tensor:
        """The bound of `condbench_plugins.networks.bound` for images; guidance is left out."""

        def denoise(z: Tensor, sigma: Tensor) -> Tensor:
            t = 1 / (1 + sigma)
            time = _like(t, z)
            return time * z + (1 - time) * guided(self.velocity, time * z, t, u, 1.0)

        return log_likelihood_of_images(denoise, x, generator)

    def _slope(self, x: Tensor, t: float, u: Condition) -> Tensor:
        """The velocity at one time, guided and steered."""
        sigma = (1 - t) / t if t else math.inf
        scale = self.interval.scale(sigma, self.guidance)
        velocity = guided(self.velocity, x, x.new_full((len(x),), t), u, scale)
        if self.guide is None or sigma == 0:
            return velocity
        # The estimate of the data is x + (1 - t) v, and it moves by sigma^2 times the guide. As t goes to 0 that has a
        # limit, E[x|u] - E[x], though sigma has none: it is taken where training's noise is about the strongest.
        t = max(t, 1 / (1 + _STRONGEST))
        sigma = (1 - t) / t
        return velocity + (1 - t) / t**2 * self.guide(x / t, x.new_full((len(x),), sigma), u)


def _times(x: Tensor) -> Tensor:
    """The times that training draws, (B,): the logistic of a normal (Esser et al. 2024, arXiv:2403.03206, eq. 19).

    Most of it goes to where noise is stronger than the data: there it is decided what an image is, and of which class.
    """
    return (_LOGIT_MEAN + torch.randn(len(x), device=x.device)).sigmoid()


def _like(t: Tensor, x: Tensor) -> Tensor:
    """Times or noise levels (B,) with as many dimensions as x."""
    return t.view(-1, *[1] * (x.ndim - 1))


def build(task: Task, wrap: Wrap, options: FlowOptions) -> Flow:
    """A flow on the task's images."""
    shape = task.target.shape
    return Flow(
        wrap(UNet(shape, options.width, options.deep_width, options.blocks)),
        shape,
        steps=options.steps,
        temperature=options.temperature,
        guidance=options.guidance,
        interval=Interval(options.guidance_low, options.guidance_high),
    )
