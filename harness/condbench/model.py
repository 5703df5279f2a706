"""What a backbone builds: a model that gives losses, names its phases and their optimizers, and samples.

The harness trains every family with one loop (`condbench.training`), so all that is special about a GAN, an
energy-based model or a two-stage model is said through this class.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from condbench.condition import Condition


class Model(nn.Module, ABC):
    """A conditional generative model of P(x|u).

    A training step runs `phases` one after the other on the same batch, e.g. ``("discriminator", "generator")``.
    Everything that sampling needs must be in the state dict (parameters and buffers), since a trained model is stored
    and loaded as safetensors.
    """

    batch_size: int = 128
    """How many samples a training step takes."""

    homogeneous: bool = False
    """Whether a batch should hold one class only: a hint, set by conditioners that train one model per label."""

    guidance: float | None = None
    """How strongly sampling leans towards u: 1 is P(x|u) itself, more exaggerates it; None is 1 for good.

    A model that can be guided sets it when it is built, and its sampler reads it at every call, so that one trained
    model can be sampled at several scales.
    """

    likelihood: str = ""
    """What `log_likelihood` gives, in a few words, e.g. "lower bound (ELBO)" or "exact"; empty where there is none."""

    def phases(self, progress: float) -> tuple[str, ...]:
        """The phases of a step at ``progress`` in [0, 1] of the budget."""
        return ("train",)

    @abstractmethod
    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """A scalar loss on a batch; x is (B, *domain.shape), see `condbench.specs.Domain`.

        Randomness comes from torch's global generator, which the harness seeds. Mixed precision is the harness's:
        it calls this under autocast. FLOPs are counted on a real call, by torch's counter, which refuses a leaf that
        is differentiated by and goes straight into a module: hand it a view (``x.view_as(x)``).
        """

    def phase_parameters(self, phase: str) -> Iterable[nn.Parameter]:
        """What a phase trains; while it runs, no other parameter gets a gradient."""
        return self.parameters()

    def optimizers(self, phase: str) -> list[torch.optim.Optimizer]:
        """The optimizers of a phase, over `phase_parameters`; AdamW unless the backbone knows better."""
        return [torch.optim.AdamW(self.phase_parameters(phase), lr=1e-3, betas=(0.9, 0.99), fused=True)]

    def learning_rate(self, phase: str, progress: float) -> float:
        """A factor on the optimizers' own learning rates: by default 2 % warm-up, then linear decay to 2 %."""
        return min(1.0, (progress + 1e-3) / 0.02) * (1.0 - 0.98 * progress)

    def averaged_parameters(self) -> Iterable[nn.Parameter]:
        """The parameters that sampling takes from an exponential moving average instead of from the last step.

        The average runs over the steps of one phase; where several phases train a parameter, the last one's counts.
        """
        return self.parameters()

    def after_step(self, phase: str) -> None:
        """Called after a phase's optimizers have stepped, for what must follow the weights; by default nothing."""

    @abstractmethod
    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """Draw one x per condition: (B, *domain.shape), images in [-1, 1].

        All randomness comes from ``generator``, which lives on the model's device. The harness calls this in inference
        mode; a sampler that needs gradients leaves it (``torch.inference_mode(False)``) and clones what it was given.
        """

    def log_likelihood(self, x: Tensor, u: Condition, generator: torch.Generator) -> Tensor:
        """log P(x|u) in nats, or what `likelihood` says of it: (B,) float32.

        x (B, C, H, W) in [-1, 1] are images of 256 intensities, and P is the probability of just those intensities, so
        that all families are measured alike. A density must be dequantised: the mean log density of x plus noise that
        fills an intensity's width (2/255 here), plus the log of that width for every number, bounds it from below
        (Theis et al. 2016, arXiv:1511.01844, section 3.1).
        """
        raise NotImplementedError(f"{type(self).__name__} has no likelihood")

    def forward(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """`loss`, under the name that data-parallel wrappers call."""
        return self.loss(phase, x, u)

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device


Guide = Callable[[Tensor, Tensor, Condition], Tensor]
"""The gradient of log P(u | z, sigma) with respect to z: called as ``guide(z, sigma, u)`` with z = data + sigma * noise
(B, *), which it gives the shape of, and noise levels sigma (B,)."""


class ScoreModel(Model):
    """A model whose sampler follows a score, or a velocity that is one in disguise, from noise to data.

    A conditioner may steer it by Bayes' rule without looking inside (Dhariwal & Nichol 2021, arXiv:2105.05233): the
    score of P(z|u) is that of P(z) plus the gradient of log P(u|z). Where z = data + sigma * noise, the denoiser's
    estimate of the data moves by sigma^2 times that gradient.
    """

    guide: Guide | None = None
    """Set by a conditioner; the sampler adds it to the score at every evaluation."""

    @abstractmethod
    def noised(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What the sampler's steps look like: x (B, *shape) -> z = data + sigma * noise and the noise levels (B,) that
        training draws. The data are x itself, or a latent of it. Randomness is torch's global generator's."""
