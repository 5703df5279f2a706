"""From a suite to cells: every combination gets a line in the plan, and one that does not fit says why."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

from condbench import machine, provenance
from condbench.errors import UserError
from condbench.names import Request, parse_requests
from condbench.options import Values, read_options
from condbench.registry import Catalogue, Entry, Registry
from condbench.results import Cell, Choice, PlannedCell, Provenance, Settings
from condbench.specs import BackboneSpec, ConditionerSpec, DatasetSpec, EncoderSpec, Kind, MetricSpec, Spec
from condbench.suite import Suite

S = TypeVar("S", bound=Spec)

OWN_ROWS = (
    *("training_flops", "training_samples", "training_seconds", "training_throughput", "parameters"),
    *("flops_per_image", "model_flop_utilisation", "matrix_rate"),
    *("sampling_throughput", "sampling_latency", "network_evaluations", "peak_memory", "training_energy"),
)
"""The metrics that are the harness's own, whatever plugins measure besides."""

CAPABILITIES = {
    "norms": "norms of its own at its sites",
    "positions": "features with positions that a site may mix",
    "sequence": "a sequence that tokens can be put in front of",
    "score": "a score or velocity at every noise level",
    "critic": "a critic that gives each sample a number",
    "grid": "an input that convolutions run over",
    "gates": "residual branches with a place for gates",
}
"""What the capabilities of backbones mean, in words for skipped cells."""


def plan(suite: Suite, registry: Registry, data_root: Path | None, *, need_data: bool = True) -> list[PlannedCell]:
    """All cells of a suite, in a fixed order: dataset, backbone, conditioner, seed.

    Without ``need_data`` the data may be missing, and are not fetched: their digest is left empty.

    Raises:
        UserError: for an unknown or ambiguous name, an invalid option, or data that are not to be had.
    """
    datasets = _select(suite.datasets, registry.datasets)
    backbones = _select(suite.backbones, registry.backbones)
    conditioners = _select(suite.conditioners, registry.conditioners)
    metrics = select_metrics(suite.metrics, registry)
    encoders = _encoders(suite, registry, {kind for entry, _ in datasets for kind in entry.spec.condition_kinds})
    settings = _settings(suite, registry, metrics, encoders)

    planned: list[PlannedCell] = []
    for (dataset, d), (backbone, b), (conditioner, c), seed in product(
        datasets, backbones, conditioners, range(suite.seeds)
    ):
        cell = Cell(dataset=d, backbone=b, conditioner=c, budget=suite.budget, seed=seed)
        planned.append(
            PlannedCell(
                name=_cell_name(cell, registry),
                skip=incompatible(dataset.spec, backbone.spec, conditioner.spec, registry.encoders),
                data_root=None if data_root is None else str(data_root.resolve()),
                provenance=current_provenance(cell, settings, registry, data_root, need_data=need_data),
            )
        )
    return planned


def replan(cell: Cell, settings: Settings, registry: Registry, data_root: Path | None) -> PlannedCell:
    """A cell as it would be planned here and now: the options that were asked for once, today's defaults for all else.

    What was asked for stays part of its name where it is the default by now: it is still the same row.

    Raises:
        UserError: for a plugin or an option that is not there any more.
    """
    catalogues: list[tuple[str, Choice, Catalogue[Any]]] = [
        ("dataset", cell.dataset, registry.datasets),
        ("backbone", cell.backbone, registry.backbones),
        ("conditioner", cell.conditioner, registry.conditioners),
    ]
    now = cell.model_copy(update={kind: _again(choice, catalogue) for kind, choice, catalogue in catalogues})
    return PlannedCell(
        name=_cell_name(now, registry),
        skip=why_skipped(now, registry),
        data_root=None if data_root is None else str(data_root.resolve()),
        provenance=current_provenance(now, settings, registry, data_root),
    )


def _again(choice: Choice, catalogue: Catalogue[Any]) -> Choice:
    _, now = choose(Request(f"{choice.distribution}:{choice.name}", _as_written(choice)), catalogue)
    return now.model_copy(update={"changed": choice.changed})


def _as_written(choice: Choice) -> dict[str, str]:
    """The options that were asked for, as text: in a plan they stand as what they were read as."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in choice.changed.items()}


def current_provenance(
    cell: Cell, settings: Settings, registry: Registry, data_root: Path | None, *, need_data: bool = True
) -> Provenance:
    """What a cell's result would depend on if it ran now, in this environment."""
    dataset, _, _ = _entries(cell, registry)
    involved = provenance.involved(cell, settings, registry)
    distributions = provenance.distributions(involved)
    data = provenance.digest(dataset, dataset.spec.fingerprint, data_root) if need_data else ""
    return Provenance(
        cell=cell,
        settings=settings,
        distributions=distributions,
        data=data,
        assets=provenance.assets(involved, dataset.spec, data),
        libraries=provenance.libraries(distributions),
        processor=machine.processor(settings.device),
    )


def why_skipped(cell: Cell, registry: Registry) -> str:
    """Why a cell cannot be in this environment; empty if it can."""
    dataset, backbone, conditioner = _entries(cell, registry)
    return incompatible(dataset.spec, backbone.spec, conditioner.spec, registry.encoders)


def _entries(cell: Cell, registry: Registry) -> tuple[Entry[DatasetSpec], Entry[BackboneSpec], Entry[ConditionerSpec]]:
    return (
        registry.datasets.get(f"{cell.dataset.distribution}:{cell.dataset.name}"),
        registry.backbones.get(f"{cell.backbone.distribution}:{cell.backbone.name}"),
        registry.conditioners.get(f"{cell.conditioner.distribution}:{cell.conditioner.name}"),
    )


def incompatible(
    dataset: DatasetSpec,
    backbone: BackboneSpec,
    conditioner: ConditionerSpec,
    encoders: Catalogue[EncoderSpec],
) -> str:
    """Why a combination cannot be, in words; empty if it can."""
    if dataset.target_kind not in backbone.models:
        return f"{backbone.name} does not model {dataset.target_kind}, which {dataset.name} asks for"
    if refused := set(dataset.condition_kinds) - conditioner.accepts:
        return f"{conditioner.name} does not accept a condition of kind {', '.join(sorted(refused))}"
    if missing := sorted(conditioner.needs - backbone.offers):
        needs = " and ".join(CAPABILITIES.get(capability, capability) for capability in missing)
        return f"{conditioner.name} needs {needs}, which {backbone.name} does not have"
    encoded = {entry.spec.encodes for entry in encoders}
    if conditioner.uses_encoder and (lacking := set(dataset.condition_kinds) - encoded):
        return f"no encoder for a condition of kind {', '.join(sorted(lacking))} is installed"
    return ""


def choose(request: Request, catalogue: Catalogue[S]) -> tuple[Entry[S], Choice]:
    """A request's entry, and its options validated against the plugin's own model, defaults filled in.

    Raises:
        UserError: for an unknown or ambiguous name, an unknown option, or a value out of bounds.
    """
    entry = catalogue.get(request.name)
    reference: str | None = getattr(entry.spec, "options", None)
    whose = f"the {catalogue.kind} '{entry.spec.name}'"
    options: Values = {}
    changed: Values = {}
    if reference is not None:
        options, changed = read_options(entry, reference, request.options, whose)
    elif request.options:
        raise UserError(f"{whose} has no options: leave out [{', '.join(request.options)}].")
    return entry, Choice(name=entry.spec.name, distribution=entry.plugin.distribution, options=options, changed=changed)


def _select(texts: Sequence[str], catalogue: Catalogue[S]) -> list[tuple[Entry[S], Choice]]:
    """The entries that a list of names asks for, without repetition; ``*`` is all, of metrics the default ones."""
    chosen: dict[str, tuple[Entry[S], Choice]] = {}
    for request in parse_requests(texts):
        everything = [Request(entry.qualified) for entry in catalogue if _by_default(entry.spec)]
        for one in everything if request.name == "*" else [request]:
            entry, choice = choose(one, catalogue)
            chosen.setdefault(f"{choice.distribution}:{choice}", (entry, choice))
    if not chosen:
        raise UserError(
            f"no {catalogue.kind} is selected: name one of {', '.join(catalogue.names()) or 'none installed'}."
        )
    return list(chosen.values())


def _by_default(spec: Spec) -> bool:
    return not isinstance(spec, MetricSpec) or spec.by_default


def _encoders(suite: Suite, registry: Registry, kinds: set[Kind]) -> list[Entry[EncoderSpec]]:
    """One encoder per kind of condition: the suite's choice, or the only one that is installed.

    Raises:
        UserError: if several are installed for a kind that is needed, and the suite does not choose.
    """
    chosen = {entry.spec.encodes: entry for entry in (registry.encoders.get(name) for name in suite.encoders)}
    for kind in sorted(kinds - chosen.keys()):
        found = [entry for entry in registry.encoders if entry.spec.encodes == kind]
        if len(found) > 1:
            names = " or ".join(entry.qualified for entry in found)
            raise UserError(
                f"several encoders for a condition of kind {kind} are installed: choose {names} by the suite's key "
                f'encoders, e.g. encoders = ["{found[0].qualified}"].'
            )
        if found:
            chosen[kind] = found[0]
    return list(chosen.values())


def select_metrics(texts: Sequence[str], registry: Registry) -> list[Entry[MetricSpec]]:
    """The metrics that a list of names asks for, in its order; ``*`` is all that are measured by default.

    Raises:
        UserError: for an unknown name, or two rows of one name, which would be taken for each other.
    """
    metrics = [entry for entry, _ in _select(texts, registry.metrics)]
    seen: dict[str, str] = dict.fromkeys(OWN_ROWS, "the harness")
    for entry in metrics:
        if entry.spec.name in seen:
            raise UserError(
                f"the metric {entry.qualified} has the same name as one of {seen[entry.spec.name]}: choose one by the "
                f"suite's key metrics, e.g. metrics = [\"{entry.qualified}\"], or by evaluate's option -m, or switch a "
                "plugin off (--without-plugin)."
            )
        seen[entry.spec.name] = entry.plugin.distribution
    return metrics


def _settings(
    suite: Suite, registry: Registry, metrics: list[Entry[MetricSpec]], encoders: list[Entry[EncoderSpec]]
) -> Settings:
    def named(metrics: list[str], wanted: bool) -> tuple[str, ...]:
        return tuple(entry.qualified for entry, _ in _select(metrics, registry.metrics)) if wanted else ()

    device = machine.choose_device(suite.device)
    return Settings(
        device=device,
        precision=machine.best_precision(device) if suite.precision == "auto" else suite.precision,
        threads=suite.threads,
        condition_dropout=suite.condition_dropout,
        samples=suite.samples,
        metrics=tuple(entry.qualified for entry in metrics),
        encoders=tuple(entry.qualified for entry in encoders),
        timeout_seconds=suite.timeout_seconds,
        memory_bytes=int(suite.memory_gib * 2**30),
        track=suite.track,
        guidance_scales=tuple(suite.guidance.scales),
        guidance_metrics=named(suite.guidance.metrics, bool(suite.guidance.scales)),
        checkpoint_shares=tuple(suite.checkpoints.shares),
        checkpoint_metrics=named(suite.checkpoints.metrics, bool(suite.checkpoints.shares)),
        redraws=suite.redraws.count,
        redraw_metrics=named(suite.redraws.metrics, bool(suite.redraws.count)),
        compile=suite.compile,
    )


def _cell_name(cell: Cell, registry: Registry) -> str:
    """``mnist10k.flow.film.s0``, with a digest where options differ from their defaults."""
    catalogues: list[tuple[Choice, Catalogue[DatasetSpec] | Catalogue[BackboneSpec] | Catalogue[ConditionerSpec]]] = [
        (cell.dataset, registry.datasets),
        (cell.backbone, registry.backbones),
        (cell.conditioner, registry.conditioners),
    ]
    parts = [
        choice.name
        if sum(entry.spec.name == choice.name for entry in catalogue) == 1
        else f"{choice.distribution}~{choice.name}"
        for choice, catalogue in catalogues
    ]
    changed = {str(index): choice.changed for index, (choice, _) in enumerate(catalogues) if choice.changed}
    digest = hashlib.sha256(json.dumps(changed, sort_keys=True).encode()).hexdigest()[:6] if changed else ""
    return ".".join([*parts, *([digest] if digest else []), f"s{cell.seed}"])
