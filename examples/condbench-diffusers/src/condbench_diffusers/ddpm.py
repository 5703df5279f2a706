"""The backbone: diffusers' U-Net is trained as a DDPM (Ho et al. 2020, arXiv:2006.11239) and sampled by DDIM (Song et
al. 2021, arXiv:2010.02502). Network, noise schedule, target and sampler are diffusers' own.

x_t = sqrt(level) * data + sqrt(1 - level) * noise, with 1000 steps t. The network estimates the velocity
sqrt(level) * noise - sqrt(1 - level) * data (Salimans & Ho 2022, arXiv:2202.00512), since at the last steps the noise
alone says nothing of the data. `build` is what the registry names.
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

# The cosine schedule: a linear one hides the details of small images too soon (Nichol & Dhariwal 2021,
# arXiv:2102.09672, section 3.2).
_SCHEDULE = {"beta_schedule": "squaredcos_cap_v2", "prediction_type": "v_prediction"}


class Ddpm(ScoreModel):
    """The velocity as a function of x_t, t and u: ``net(x_t, t, u=u)``."""

    batch_size = 16

    def __init__(self, net: Conditioned, shape: tuple[int, ...], options: UnetOptions) -> None:
        super().__init__()
        self.net, self.shape, self.steps = net, shape, options.steps
        self.guidance = options.guidance
        self.schedule = DDPMScheduler(**_SCHEDULE)

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """Mean squared error of the velocity."""
        noise = torch.randn_like(x)
        t = self._steps_for(x)
        estimate = self.net(self.schedule.add_noise(x, noise, t), t, u=u)
        return F.mse_loss(estimate.float(), self.schedule.get_velocity(x, noise, t))

    def optimizers(self, phase: str) -> list[torch.optim.Optimizer]:
        """AdamW at twice condbench's default rate, which so small a network takes and learns faster by."""
        return [torch.optim.AdamW(self.parameters(), lr=2e-3, betas=(0.9, 0.99), fused=True)]

    def noised(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """data + sigma * noise, which is x_t / sqrt(level), and sigma."""
        sigma = self._sigma(self._steps_for(x))
        return x + sigma[:, None, None, None] * torch.randn_like(x), sigma

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """DDIM from noise, one network evaluation a step."""
        # "trailing" begins at the last step, where training ended (Lin et al. 2024, arXiv:2305.08891, section 3.3).
        sampler = DDIMScheduler(**_SCHEDULE, timestep_spacing="trailing")
        sampler.set_timesteps(self.steps, device=self.device)
        x = torch.randn(len(u), *self.shape, generator=generator, device=self.device)
        for t in sampler.timesteps:
            x = sampler.step(self._velocity(x, t, u), t, x).prev_sample
        return x

    def _velocity(self, x: Tensor, t: Tensor, u: Condition) -> Tensor:
        """The velocity of x at step t (), guided as `guidance` and a conditioner's `guide` say."""
        if self.guidance in (None, 1.0):
            velocity: Tensor = self.net(x, t, u=u).float()
        else:
            both = self.net(torch.cat([x, x]), t, u=Condition.cat([u, u.dropped()])).float()
            kept, dropped = both.chunk(2)
            velocity = torch.lerp(dropped, kept, self.guidance)
        if self.guide is not None:
            # The estimate of the data is to move by sigma^2 * guide, and so that of the noise by -sigma * guide.
            sigma = self._sigma(t)
            scale = (1 + sigma**2).sqrt()
            velocity = velocity - sigma * scale * self.guide(x * scale, sigma.expand(len(x)), u)
        return velocity

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
