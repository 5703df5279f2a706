"""What this distribution adds to condbench. The entry point in pyproject.toml names this module.

condbench imports it at every start, `condbench --help` included, so it must be quick and import no torch. That is why
a spec names its code as text: a cell's own process imports it, and only if the cell uses it.
"""

from __future__ import annotations

from collections.abc import Iterable

from condbench import hookimpl
from condbench.specs import BackboneSpec, ConditionerSpec


@hookimpl
def condbench_register_backbones() -> Iterable[BackboneSpec]:
    """Each spec adds a row to the matrix."""
    yield BackboneSpec(
        name="coupling-flow",
        target="condbench_example.coupling_flow:build",
        options="condbench_example.options:CouplingFlowOptions",
        summary="a normalising flow of affine couplings, trained on its exact likelihood",
        # Capabilities that conditioners may need. Its features are vectors, so there are no "positions" to offer, and
        # AdaIN is skipped with that reason.
        offers=frozenset({"gates", "norms"}),
        # What condbench may change to make all conditioners' models equally large. Every parameter of it costs as many
        # FLOPs as any other, so one option will do.
        sizes=("width",),
        paper="Dinh et al. 2017, arXiv:1605.08803",
    )


@hookimpl
def condbench_register_conditioners() -> Iterable[ConditionerSpec]:
    """Each spec adds a column to the matrix."""
    # It embeds u with an encoder of condbench's, so it takes every kind of condition: the default of `accepts`.
    yield ConditionerSpec(
        name="gate",
        target="condbench_example.gate:make",
        summary="every channel of every layer is opened or closed",
        paper="after Hu et al. 2018, arXiv:1709.01507",
    )
