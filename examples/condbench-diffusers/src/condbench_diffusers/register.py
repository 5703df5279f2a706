"""What this distribution adds to condbench. It imports neither torch nor diffusers: code is named, not loaded."""

from __future__ import annotations

from collections.abc import Iterable

from condbench import hookimpl
from condbench.specs import BackboneSpec, ConditionerSpec

_NETWORK = "diffusers' network"  # a capability of our own: only our backbone has the place that our conditioner fills


@hookimpl
def condbench_register_backbones() -> Iterable[BackboneSpec]:
    """One row of the matrix."""
    yield BackboneSpec(
        name="diffusers-unet",
        target="condbench_diffusers.ddpm:build",
        options="condbench_diffusers.options:UnetOptions",
        summary="diffusers' UNet2DModel, trained as a DDPM and sampled by DDIM, both diffusers'",
        offers=frozenset({"gates", "grid", "norms", "positions", "score", _NETWORK}),
        sizes=("width", "half_width", "quarter_width"),
        paper="Ho et al. 2020, arXiv:2006.11239; Song et al. 2021, arXiv:2010.02502",
    )


@hookimpl
def condbench_register_conditioners() -> Iterable[ConditionerSpec]:
    """One column."""
    yield ConditionerSpec(
        name="diffusers-class-embedding",
        target="condbench_diffusers.class_embedding:make",
        summary="diffusers' own way: u is added to the embedding of time",
        needs=frozenset({_NETWORK}),
        paper="Dhariwal & Nichol 2021, arXiv:2105.05233",
    )
