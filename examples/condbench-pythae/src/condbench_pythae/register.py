"""What this distribution adds to condbench. It imports neither torch nor pythae: code is named, not loaded."""

from __future__ import annotations

from collections.abc import Iterable

from condbench import hookimpl
from condbench.specs import BackboneSpec


@hookimpl
def condbench_register_backbones() -> Iterable[BackboneSpec]:
    """One row of the matrix."""
    yield BackboneSpec(
        name="pythae-vae",
        target="condbench_pythae.vae:build",
        options="condbench_pythae.options:VaeOptions",
        summary="pythae's VAE with its default networks and its loss",
        # No "positions": its features are vectors. No sizes: the width of pythae's default networks is fixed.
        paper="Chadebec et al. 2022, arXiv:2206.08309; Kingma & Welling 2014, arXiv:1312.6114",
    )
