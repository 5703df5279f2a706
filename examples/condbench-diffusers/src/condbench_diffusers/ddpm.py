"""The backbone: diffusers' U-Net learns to predict noise (DDPM, Ho et al. 2020, arXiv:2006.11239) and is sampled by
DDIM (Song et al. 2021, arXiv:2010.02502). Network, noise schedule and sampler are diffusers' own.

x_t = sqrt(level) * data + sqrt(1 - level) * noise, with 1000 steps t. `build` is what the registry names.
"""

from __future__ import annotations

import torch
from diffusers import DDIMScheduler, DDPMScheduler
from torch import Tensor
from torch.nn import functional as F

from condbench.conditioning import Condition, Conditioned, Wrap
from condbench.model import ScoreModel
from condbench.specs import Task
from condbench_diffusers.network import SitedUNet
from condbench_diffusers.options import UnetOptions

# For small images, whose details a linear schedule hides too soon (Nichol & Dhariwal 2021, arXiv:2102.09672).
_SCHEDULE = "squaredcos_cap_v2"


class Ddpm(ScoreModel):
    """Noise as a function of x_t, t and u: ``net(x_t, t, u=u)``."""

    batch_size = 16

    def __init__(self, net: Conditioned, shape: tuple[int, ...], options: UnetOptions) -> None:
        super().__init__()
        self.net, self.shape, self.steps = net, shape, options.steps
        self.guidance = options.guidance
        self.schedule = DDPMScheduler(beta_schedule=_SCHEDULE)

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """Mean squared error of the noise (Ho et al., eq. 14)."""
        noise = torch.randn_like(x)
        t = self._steps_for(x)
        return F.mse_loss(self.net(self.schedule.add_noise(x, noise, t), t, u=u).float(), noise)

    def noised(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """data + sigma * noise, which is x_t / sqrt(level), and sigma."""
        sigma = self._sigma(self._steps_for(x))
        return x + sigma[:, None, None, None] * torch.randn_like(x), sigma

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """DDIM from noise, one network evaluation a step."""
        # "trailing" begins at the last step, where training ended (Lin et al. 2024, arXiv:2305.08891, section 3.3).
        sampler = DDIMScheduler(beta_schedule=_SCHEDULE, timestep_spacing="trailing")
        sampler.set_timesteps(self.steps, device=self.device)
        x = torch.randn(len(u), *self.shape, generator=generator, device=self.device)
        for t in sampler.timesteps:
            x = sampler.step(self._noise(x, t, u), t, x).prev_sample
        return x

    def _noise(self, x: Tensor, t: Tensor, u: Condition) -> Tensor:
        """The noise in x at step t (), guided as `guidance` and a conditioner's `guide` say."""
        if self.guidance in (None, 1.0):
            noise: Tensor = self.net(x, t, u=u).float()
        else:
            both = self.net(torch.cat([x, x]), t, u=Condition.cat([u, u.dropped()])).float()
            kept, dropped = both.chunk(2)
            noise = torch.lerp(dropped, kept, self.guidance)
        if self.guide is not None:
            # The data estimate z - sigma * noise is to move by sigma^2 * guide.
            sigma = self._sigma(t)
            noise = noise - sigma * self.guide(x * (1 + sigma**2).sqrt(), sigma.expand(len(x)), u)
        return noise

    def _steps_for(self, x: Tensor) -> Tensor:
        return torch.randint(self.schedule.config.num_train_timesteps, (len(x),), device=x.device)

    def _sigma(self, t: Tensor) -> Tensor:
        level: Tensor = self.schedule.alphas_cumprod.to(t.device)[t]
        return ((1 - level) / level).sqrt()


def build(task: Task, wrap: Wrap, options: UnetOptions) -> Ddpm:
    """A model of images whose height and width are multiples of 4."""
    shape = task.target.shape
    widths = options.width, options.half_width, options.quarter_width
    return Ddpm(wrap(SitedUNet(shape, widths)), shape, options)
