"""Flow matching: a velocity field that carries noise to data along straight lines.

Lipman et al. 2023, arXiv:2210.02747; Liu et al. 2023, arXiv:2209.03003. x_t = (1 - t) noise + t data; so x_t / t is
data + sigma * noise with sigma = (1 - t) / t, and a velocity is an estimate of the data in disguise, from which
`Denoiser` draws samples. `build` is what the registry names.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Condition, Wrap
from condbench.specs import Task
from condbench_plugins.networks.denoiser import Denoiser, like
from condbench_plugins.networks.guidance import EVERYWHERE, Interval, guided
from condbench_plugins.networks.unet import UNet
from condbench_plugins.options import FlowOptions

# Of the times in training; the logit of t is -ln(sigma).
_LOGIT_MEAN = -0.5


class Flow(Denoiser):
    """dx/dt = v(x, t, u) from noise at t = 0 to data at t = 1; ``velocity`` is called as ``v(x, t, u=u)``.

    Args:
        velocity: maps (B, *shape) at times (B,) to (B, *shape).
        shape: of the data, without the batch.
        steps, temperature, guidance, interval: see `Denoiser`.
    """

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
        super().__init__(shape, steps=steps, temperature=temperature, guidance=guidance, interval=interval)
        self.velocity = velocity

    def noised(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x_t / t, and (1 - t) / t, at the times that training draws."""
        t = _times(x)
        sigma = (1 - t) / t
        return x + like(sigma, x) * torch.randn_like(x), sigma

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """The regression on straight lines, E |v(x_t, t, u) - (x - noise)|^2 (Lipman et al., eq. 23)."""
        noise = torch.randn_like(x)
        t = _times(x)
        x_t = torch.lerp(noise, x, like(t, x))
        return F.mse_loss(self.velocity(x_t, t, u=u).float(), x - noise)

    def estimate(self, z: Tensor, sigma: Tensor, u: Condition, scale: float = 1.0) -> Tensor:
        """x_t + (1 - t) v(x_t, t, u): where a straight line through x_t with the velocity's slope ends."""
        t = 1 / (1 + sigma)
        time = like(t, z)
        x_t = time * z
        return x_t + (1 - time) * guided(self.velocity, x_t, t, u, scale)


def _times(x: Tensor) -> Tensor:
    """The times that training draws, (B,): the logistic of a normal (Esser et al. 2024, arXiv:2403.03206, eq. 19).

    Most of it goes to where noise is stronger than the data: there it is decided what an image is, and of which class.
    """
    return (_LOGIT_MEAN + torch.randn(len(x), device=x.device)).sigmoid()


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
