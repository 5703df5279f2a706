"""One unconditional model per label, all within one budget; u decides whose sample it is.

P(x|u) is learned by K separate models that share nothing. A training step sees a batch of one label and moves one
model, so each gets a K-th of the budget.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from condbench.conditioning import Build, Condition, Conditioned, MakeEncoder
from condbench.model import Model
from condbench.specs import Task


class OnePerLabel(Model):
    """K models, routed by the label."""

    homogeneous = True

    def __init__(self, models: Iterable[Model]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)
        self.batch_size = self._model(0).batch_size
        self.likelihood = self._model(0).likelihood

    def _model(self, label: int) -> Model:
        model = self.models[label]
        assert isinstance(model, Model)
        return model

    def _routed(self, u: Condition) -> Iterator[tuple[Model, Tensor]]:
        """Each label in the batch: its model, and the positions of its samples."""
        labels = u.parts[0]
        for label in sorted(set(labels.tolist())):
            yield self._model(label), (labels == label).nonzero()[:, 0]

    def phases(self, progress: float) -> tuple[str, ...]:
        """Those of the models, which are all alike."""
        return self._model(0).phases(progress)

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """The mean over the batch of each sample's loss under its label's model."""
        losses = [model.loss(phase, x[at], u[at]) * (len(at) / len(x)) for model, at in self._routed(u)]
        return torch.stack(losses).sum()

    def phase_parameters(self, phase: str) -> Iterable[nn.Parameter]:
        """Those of all models."""
        return [p for k in range(len(self.models)) for p in self._model(k).phase_parameters(phase)]

    def optimizers(self, phase: str) -> list[torch.optim.Optimizer]:
        """Those of all models; the harness steps only those whose model was in the batch."""
        return [optimizer for k in range(len(self.models)) for optimizer in self._model(k).optimizers(phase)]

    def learning_rate(self, phase: str, progress: float) -> float:
        """That of the models, which are all alike."""
        return self._model(0).learning_rate(phase, progress)

    def averaged_parameters(self) -> Iterable[nn.Parameter]:
        """Those of all models."""
        return [p for k in range(len(self.models)) for p in self._model(k).averaged_parameters()]

    def after_step(self, phase: str) -> None:
        """Passed on to all models."""
        for k in range(len(self.models)):
            self._model(k).after_step(phase)

    def log_likelihood(self, x: Tensor, u: Condition, generator: torch.Generator) -> Tensor:
        """Each x under its label's model."""
        pieces = [(at, model.log_likelihood(x[at], u[at], generator)) for model, at in self._routed(u)]
        return _in_order(pieces)

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """Each x from its label's model."""
        return _in_order([(at, model.sample(u[at], generator)) for model, at in self._routed(u)])


def _in_order(pieces: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """Pieces of a batch, each with the positions of its samples, put together again."""
    order = torch.cat([at for at, _ in pieces]).argsort()
    return torch.cat([values for _, values in pieces])[order]


class LabelSampling:
    """Builds an unconditional model for each label."""

    def lift(self, build: Build, task: Task, make_encoder: MakeEncoder) -> Model:
        """K models out of one way to build one."""
        models = [build(task, Conditioned) for _ in range(task.condition[0].size)]
        for model in models:
            model.guidance = None  # it has no estimate without u to lean away from
        return OnePerLabel(models)


def make(options: None) -> LabelSampling:
    """The conditioner; it has no options."""
    return LabelSampling()
