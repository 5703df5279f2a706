"""What a backbone builds: a model that gives losses, names its phases and their optimizers, and samples.

The harness trains every family with one loop (`condbench.training`), so all that is special about a GAN, an
energy-based model or a two-stage model is said through this class.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

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

    def forward(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """`loss`, under the name that data-parallel wrappers call."""
        return self.loss(phase, x, u)

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device
