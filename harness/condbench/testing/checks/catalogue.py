"""Which kind of plugin gets which checks, in the order in which they run."""

from __future__ import annotations

from typing import Any

from condbench.discovery import Plugin
from condbench.testing.check import Check
from condbench.testing.checks import (
    datasets,
    encoders,
    executors,
    learning,
    metrics,
    neutrality,
    pairing,
    plugins,
    repeating,
    reporters,
    separation,
    shapes,
)
from condbench.testing.composition import Composition
from condbench.testing.subject import Subject

OF_DISTRIBUTIONS: tuple[Check[Plugin], ...] = (plugins.registration, plugins.registration_imports_no_torch)
"""Of each entry point of a distribution."""

OF_PLUGINS: tuple[Check[Subject], ...] = (plugins.names_and_options,)
"""Of each plugin, whatever its kind."""

OF_MODELS: tuple[Check[Composition], ...] = (
    shapes.shapes,
    shapes.sampling_for_every_label,
    shapes.mixed_precision,
    learning.gradients_reach_everything,
    shapes.the_loss_depends_on_u,
    shapes.samples_depend_on_u,
    separation.no_leakage_across_the_batch,
    repeating.determinism_from_the_seed,
    repeating.save_and_load,
    learning.the_budget_is_obeyed,
)
"""Of a backbone with the kit's conditioner, and of a conditioner in the kit's backbones."""

OF_BACKBONES: tuple[Check[Composition], ...] = (
    pairing.sites_and_offers,
    neutrality.neutral_start_of_a_backbone,
    separation.causality_of_a_backbone,
)
"""Of a backbone with the kit's conditioner."""

OF_CONDITIONERS: tuple[Check[Composition], ...] = (
    neutrality.neutral_start_of_a_conditioner,
    separation.causality_of_a_conditioner,
)
"""Of a conditioner in the kit's backbones."""

COMPOSES: Check[Composition] = pairing.composes
"""Of each pair with the other side of the matrix; its name goes on with the partner's."""

OF_OTHERS: dict[str, tuple[Check[Subject], ...]] = {
    "dataset": (datasets.data_as_declared, datasets.every_label_has_data, datasets.a_digest_that_identifies_the_data),
    "encoder": (
        encoders.embeddings,
        encoders.each_condition_on_its_own,
        encoders.gradients_reach_every_parameter,
        encoders.the_same_from_the_same_seed,
    ),
    "metric": (
        metrics.measures_real_images,
        metrics.deterministic,
        metrics.direction,
        metrics.samples_without_labels,
    ),
    "executor": (executors.follows_the_protocol,),
    "reporter": (reporters.renders, reporters.renders_a_run_that_has_only_begun),
}
"""Of the other kinds of plugin."""


def every_check() -> dict[str, tuple[Check[Any], ...]]:
    """All checks by what gets them, as ``docs/conformance.md`` lists them."""
    return {
        "distributions": OF_DISTRIBUTIONS,
        "plugins": OF_PLUGINS,
        "backbones and conditioners": OF_MODELS,
        "backbones": OF_BACKBONES,
        "conditioners": OF_CONDITIONERS,
        "pairs": (COMPOSES,),
        **{f"{kind}s": checks for kind, checks in OF_OTHERS.items()},
    }
