"""No conditioner: the unconditional control. Whatever label accuracy it reaches is chance."""

from __future__ import annotations

from condbench.conditioning import Build, Conditioned, MakeEncoder
from condbench.model import Model
from condbench.specs import Task


class NoConditioner:
    """Leaves every site empty."""

    def lift(self, build: Build, task: Task, make_encoder: MakeEncoder) -> Model:
        """The model as it is, deaf to u."""
        model = build(task, Conditioned)
        model.guidance = None  # there is nothing to lean towards
        return model


def make(options: None) -> NoConditioner:
    """The conditioner; it has no options."""
    return NoConditioner()
