"""Bayes' rule on an unconditional model: a classifier's gradient steers its sampler towards u.

Dhariwal & Nichol 2021, arXiv:2105.05233. At every noise level the score of P(z|u) is the score of P(z) plus the
gradient of log P(u|z). The model learns the first, a small classifier of noisy z the second, within one budget.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Build, Condition, Conditioned, MakeEncoder
from condbench.model import Model, ScoreModel
from condbench.specs import Task
from condbench_plugins.networks.noisy_classifier import NoisyClassifier
from condbench_plugins.networks.optimizers import muon_and_adamw

_PHASE = "classifier"


class Steered(Model):
    """An unconditional model whose sampler a classifier steers; the classifier is trained in a phase of its own.

    ``guidance`` scales the classifier's gradient: 1 is Bayes' rule, P(x|u) itself. There is no likelihood: that of the
    unconditional model is not P(x|u).

    Args:
        model: the unconditional model.
        classifier: called with z (B, *) and noise levels (B,), gives logits (B, classes).
    """

    def __init__(self, model: ScoreModel, classifier: nn.Module) -> None:
        super().__init__()
        self.model, self.classifier = model, classifier
        self.batch_size = model.batch_size
        # The scale that the backbone was given is that of guidance, whichever kind there is.
        self.guidance = 1.0 if model.guidance is None else model.guidance
        model.guidance = None  # it has no conditional estimate to lean towards
        model.guide = self._gradient

    def phases(self, progress: float) -> tuple[str, ...]:
        """The model's; in its last stage the classifier's as well, since before that z may not be what it will be."""
        phases = self.model.phases(progress)
        return (*phases, _PHASE) if phases == self.model.phases(1.0) else phases

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """The model's own, or the classifier's cross-entropy over those samples that keep their condition."""
        if phase != _PHASE:
            return self.model.loss(phase, x, u)
        with torch.no_grad():
            z, sigma = self.model.noised(x)
        losses = F.cross_entropy(self.classifier(z, sigma), u.parts[0], reduction="none")
        return (losses * u.kept).sum() / u.kept.sum().clamp(min=1)

    def phase_parameters(self, phase: str) -> Iterable[nn.Parameter]:
        """The model's or the classifier's."""
        return self.classifier.parameters() if phase == _PHASE else self.model.phase_parameters(phase)

    def optimizers(self, phase: str) -> list[torch.optim.Optimizer]:
        """The model's; for the classifier Muon on the hidden weights, AdamW on the rest."""
        if phase == _PHASE:
            return muon_and_adamw(self.classifier, self.classifier.parameters())
        return self.model.optimizers(phase)

    def learning_rate(self, phase: str, progress: float) -> float:
        """The model's; the classifier follows that of the model's last stage, beside which it is trained."""
        return self.model.learning_rate(self.model.phases(1.0)[-1] if phase == _PHASE else phase, progress)

    def averaged_parameters(self) -> Iterable[nn.Parameter]:
        """The model's and the classifier's."""
        return [*self.model.averaged_parameters(), *self.classifier.parameters()]

    def after_step(self, phase: str) -> None:
        """Passed on to the model."""
        if phase != _PHASE:
            self.model.after_step(phase)

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """The model's sampler, steered."""
        return self.model.sample(u, generator)

    def _gradient(self, z: Tensor, sigma: Tensor, u: Condition) -> Tensor:
        """The scaled gradient of log P(u | z, sigma) with respect to z (B, *); zero where the condition is dropped."""
        assert self.guidance is not None
        with torch.inference_mode(False), torch.enable_grad():
            labels, kept = u.parts[0].clone(), u.kept.clone()
            z = z.detach().clone().requires_grad_()
            log_p = F.log_softmax(self.classifier(z.view_as(z), sigma.clone()), dim=1)
            chosen = log_p.gather(1, labels[:, None])[:, 0] * kept
            (gradient,) = torch.autograd.grad(chosen.sum(), z)
        return self.guidance * gradient


class ClassifierGuidance:
    """Builds an unconditional model and a classifier for what its sampler's steps look like."""

    def lift(self, build: Build, task: Task, make_encoder: MakeEncoder) -> Model:
        """The model, steered."""
        model = build(task, Conditioned)
        assert isinstance(model, ScoreModel), "a backbone that offers 'score' builds a ScoreModel"
        with torch.no_grad():
            z, _ = model.noised(torch.zeros(1, *task.target.shape))
        return Steered(model, NoisyClassifier(tuple(z.shape[1:]), task.condition[0].size))


def make(options: None) -> ClassifierGuidance:
    """The conditioner; it has no options."""
    return ClassifierGuidance()
