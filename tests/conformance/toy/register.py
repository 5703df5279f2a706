"""What the toy distribution adds."""

from __future__ import annotations

from collections.abc import Iterable

from condbench import hookimpl
from condbench.specs import (
    BackboneSpec,
    ConditionerSpec,
    DatasetSpec,
    EncoderSpec,
    ExecutorSpec,
    MetricSpec,
    ReporterSpec,
)


@hookimpl
def condbench_register_backbones() -> Iterable[BackboneSpec]:
    yield BackboneSpec(
        name="toy",
        target=f"{__package__}.backbone:build",
        options=f"{__package__}.options:ToyOptions",
        summary="a denoiser of one step",
        offers=frozenset({"gates", "grid", "norms", "positions"}),
        sizes=("width",),
    )
    yield BackboneSpec(
        name="toy-sequence",
        target=f"{__package__}.sequence:build",
        summary="a guess at each row from those above",
        offers=frozenset({"sequence"}),
    )


@hookimpl
def condbench_register_conditioners() -> Iterable[ConditionerSpec]:
    yield ConditionerSpec(name="toy-scale", target=f"{__package__}.conditioner:make", summary="scales each channel")


@hookimpl
def condbench_register_encoders() -> Iterable[EncoderSpec]:
    yield EncoderSpec(name="toy-words", target=f"{__package__}.encoder:make", summary="a table", encodes="tokens")


@hookimpl
def condbench_register_datasets() -> Iterable[DatasetSpec]:
    package = f"{__package__}.dataset"
    yield DatasetSpec(
        name="toy-bars", target=f"{package}:load", fingerprint=f"{__package__}.digest:digest", summary="bright rows"
    )


@hookimpl
def condbench_register_metrics() -> Iterable[MetricSpec]:
    yield MetricSpec(
        name="toy-ink",
        target=f"{__package__}.metric:measure",
        summary="how far the mean image of each label is from the real one",
        unit="",
        better="lower",
    )


@hookimpl
def condbench_register_executors() -> Iterable[ExecutorSpec]:
    yield ExecutorSpec(name="toy-nowhere", target=f"{__package__}.executor:Nowhere", summary="runs nothing")


@hookimpl
def condbench_register_reporters() -> Iterable[ReporterSpec]:
    yield ReporterSpec(
        name="toy-page", target=f"{__package__}.reporter:render", summary="a list of cells", suffix=".html"
    )
    yield ReporterSpec(
        name="toy-figure", target=f"{__package__}.reporter:render", summary="a drawing of cells", suffix=".svg"
    )
