"""An energy-based model, p(x|u) proportional to exp(-E(x|u) / T), sampled by Langevin dynamics.

Training is persistent contrastive divergence with a replay buffer (Tieleman 2008; Du & Mordatch 2019,
arXiv:1903.08689): lower the energy of real images of u, raise that of chains that run for u. Every chain keeps the
condition that it started for, so it is always judged, and moved, under its own. Some chains restart at every visit,
so that a chain lives for training_steps / restarts steps on average. Sampling starts anew, somewhat nearer to the mean
than they do (``start``), and runs for about twice that: one chain in ten gets so old, so the energy was trained along
that path, as in short runs (Nijkamp et al. 2019, arXiv:1904.09770). Longer runs settle in the deepest valleys, which
obey u more and vary less.

With the option ``joint``, the energy is one of (x, u) together, as in JEM (Grathwohl et al. 2020, arXiv:1912.03263):
p(x, u) = p(x|u) p(u), whose p(u|x) is a softmax over classes of -E(x|u) / T'. Chains alone leave the energies of one x
under different u incomparable; the cross-entropy of p(u|x) makes the model a classifier too.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Condition, Conditioned, Wrap
from condbench.errors import UserError
from condbench.model import Model
from condbench.specs import Task
from condbench_plugins.networks.critic import Critic
from condbench_plugins.options import EbmOptions

_SMALLEST_DEVIATION = 0.1  # of a starting pixel: the borders of digits never vary, but chains must be free to
_STEEPEST = 0.03  # bound on a pixel's slope, which keeps chains in reach while the energy is still rough
_CLASS_TEMPERATURE = 0.1  # T', in units of energy, of which real images and chains are about one apart
_SMOOTHING = 0.03  # deviation of noise on images of both kinds, so that energies cannot tell them by their rounding


class Chains(nn.Module):
    """The replay buffer: images on their way, each with the condition that it is for. All of it is in the state dict.

    Args:
        task: gives the shapes of x and of each part of u.
        count: how many chains there are.
    """

    x: Tensor
    visits: Tensor
    kept: Tensor

    def __init__(self, task: Task, count: int) -> None:
        super().__init__()
        self.register_buffer("x", torch.zeros(count, *task.target.shape))
        self.register_buffer("visits", torch.zeros(count, dtype=torch.int64))
        self.register_buffer("kept", torch.ones(count, dtype=torch.bool))
        self.parts = [f"part{index}" for index in range(len(task.condition))]
        for name, part in zip(self.parts, task.condition, strict=True):
            dtype = torch.int64 if part.size else torch.float32
            self.register_buffer(name, torch.zeros(count, *part.shape, dtype=dtype))

    @property
    def u(self) -> Condition:
        """The condition of every chain; writing to its tensors writes to the buffer."""
        return Condition(tuple(self.get_buffer(name) for name in self.parts), self.kept)

    def draw(self, fresh: Tensor, u: Condition, restarts: float) -> Tensor:
        """Positions (B,) of B chains at random.

        A chain that was never visited, and of the others a share of ``restarts``, starts anew from ``fresh`` (B, *x)
        for its place in ``u``.
        """
        at = torch.randperm(len(self.x), device=self.x.device)[: len(u)]
        anew = (self.visits[at] == 0) | (torch.rand(len(at), device=at.device) < restarts)
        self.x[at[anew]] = fresh[anew]
        self.visits[at[anew]] = 0
        self.visits[at] += 1
        mine = self.u
        for own, given in zip((*mine.parts, mine.kept), (*u.parts, u.kept), strict=True):
            own[at[anew]] = given[anew]
        return at


class Ebm(Model):
    """One network, whose output is the energy."""

    batch_size = 64

    mean: Tensor
    mean_square: Tensor
    batches: Tensor

    def __init__(self, energy: Conditioned, task: Task, options: EbmOptions) -> None:
        super().__init__()
        self.energy = energy
        self.options = options
        self.classes = task.condition[0].size
        self.chains = Chains(task, options.chains)
        self.register_buffer("mean", torch.zeros(task.target.shape))
        self.register_buffer("mean_square", torch.ones(task.target.shape))
        self.register_buffer("batches", torch.zeros(()))

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """Contrastive divergence of real images x (B, C, H, W) of u against as many chains, moved first."""
        self._observe(x)
        chains = self.chains
        at = chains.draw(self._start(len(x), None), u, self.options.restarts)
        chains.x[at] = self.langevin(chains.x[at], chains.u[at], self.options.training_steps)
        images = torch.cat([x, chains.x[at]])
        images = images + _SMOOTHING * torch.randn_like(images)
        conditions = Condition.cat([u, chains.u[at]])
        if self.options.joint:
            images, conditions = torch.cat([images, images[: len(x)]]), Condition.cat([conditions, self._others(u)])
        energies: Tensor = self.energy(images, u=conditions)
        real, imagined, *misnamed = energies.chunk(len(energies) // len(x))
        loss = real.mean() - imagined.mean() + self.options.energy_penalty * energies.square().mean()
        for wrong in misnamed:
            surprise = F.softplus((real - wrong) / _CLASS_TEMPERATURE)  # -log p(u | x; u or the other)
            loss = loss + self.options.joint * _CLASS_TEMPERATURE * (surprise * u.kept).mean()
        return loss

    def _others(self, u: Condition) -> Condition:
        """For each class another one, at random: told from that one at a time, it is in the end from all."""
        labels = u.parts[0]
        shift = torch.randint(1, self.classes, labels.shape, device=labels.device)
        return Condition(((labels + shift) % self.classes,), u.kept)

    @torch.no_grad()
    def _observe(self, x: Tensor) -> None:
        """Take a batch into each pixel's mean and mean square over all of training."""
        self.batches += 1
        self.mean.lerp_(x.mean(0), 1 / self.batches)
        self.mean_square.lerp_(x.square().mean(0), 1 / self.batches)

    def _start(self, count: int, generator: torch.Generator | None, spread: float = 1.0) -> Tensor:
        """Where chains start: independent pixels, each with its mean in the data and ``spread`` times its deviation."""
        deviation = (self.mean_square - self.mean.square()).clamp(min=_SMALLEST_DEVIATION**2).sqrt()
        noise = torch.randn(count, *self.mean.shape, generator=generator, device=self.mean.device)
        return (self.mean + spread * deviation * noise).clamp(-1, 1)

    def langevin(self, x: Tensor, u: Condition, steps: int, generator: torch.Generator | None = None) -> Tensor:
        """Move x (B, C, H, W) down the energy with noise: x - step dE/dx + noise n, in float32, kept in [-1, 1].

        Its temperature is T = noise^2 / (2 step). Only x gets a gradient.
        """
        for _ in range(steps):
            with torch.enable_grad():
                x = x.detach().requires_grad_(True)
                # torch's FLOP counter cannot hook a leaf that autograd.grad differentiates by; a view is no leaf.
                energy = self.energy(x.view_as(x), u=u).sum()
                (slope,) = torch.autograd.grad(energy, x)
            noise = torch.randn(x.shape, generator=generator, device=x.device)
            step = self.options.step_size * slope.clamp(-_STEEPEST, _STEEPEST)
            x = (x.detach() - step + self.options.noise * noise).clamp(-1, 1)
        return x

    def optimizers(self, phase: str) -> list[torch.optim.Optimizer]:
        """Adam without momentum: the chains answer every move, as a generator does.

        At twice the rate energies drift apart once a large budget keeps the rate high for long.
        """
        return [torch.optim.Adam(self.parameters(), lr=1e-3, betas=(0.0, 0.99), fused=True)]

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """A new chain per condition, run for ``sampling_steps``: (B, C, H, W) in [-1, 1]."""
        with torch.inference_mode(False), torch.no_grad():
            # Tensors made in inference mode may not enter a graph; their clones may.
            u = Condition(tuple(part.clone() for part in u.parts), u.kept.clone())
            start = self._start(len(u), generator, self.options.start)
            return self.langevin(start, u, self.options.sampling_steps, generator)


def build(task: Task, wrap: Wrap, options: EbmOptions) -> Ebm:
    """An energy-based model for images of the task's shape, with u in its energy.

    Raises:
        UserError: for a joint energy where u is not one class.
    """
    kinds = [part.kind for part in task.condition]
    if options.joint and kinds != ["class"]:
        raise UserError(
            f"ebm's joint energy tells classes apart, but this task's condition is: {', '.join(kinds)}; set joint=0."
        )
    critic = Critic(task.target.shape, options.width, depth=2, fine_width=options.fine_width)
    return Ebm(wrap(critic), task, options)
