"""Planned cells made equally large, for suites of the track *same size*. Called by the driver after planning."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import BaseModel, JsonValue, ValidationError

from condbench.options import options_model, restore_options
from condbench.probing import Prober, Question
from condbench.registry import Registry
from condbench.results import TOLERANCE, PlannedCell, Size
from condbench.sizing import Widths, solve

_STEPS = (1, 2, 4, 8, 16, 32, 64)


def same_size(
    plan: list[PlannedCell], registry: Registry, prober: Prober, report: Callable[[str], None]
) -> list[PlannedCell]:
    """The plan with widths solved for; a cell that cannot be made as large as its backbone alone is skipped.

    One that cannot even be built stays in the plan as it is, and fails by itself, with the traceback in its log.

    Args:
        plan: cells as planned for the track *same backbone*.
        registry: for the options of the backbones.
        prober: weighs the candidates.
        report: told each combination before it is solved for.
    """
    alone: dict[str, Size | None] = {}
    solved: dict[str, PlannedCell] = {}
    sized: list[PlannedCell] = []
    for planned in plan:
        cell = planned.cell
        key = f"{cell.dataset.model_dump_json()} {cell.backbone.model_dump_json()}"
        pair = f"{key} {cell.conditioner.model_dump_json()}"
        if planned.skip:
            sized.append(planned)
            continue
        if pair not in solved:
            report(f"{cell.backbone} x {cell.conditioner}")
            if key not in alone:
                alone[key] = _weigh(planned, prober, alone=True)
            target = alone[key]
            solved[pair] = planned if target is None else _as_large_as(target, planned, registry, prober)
        like = solved[pair]
        moved = cell.model_copy(update={"backbone": like.cell.backbone})
        provenance = planned.provenance.model_copy(update={"cell": moved})
        sized.append(planned.model_copy(update={"provenance": provenance, "size": like.size, "skip": like.skip}))
    return sized


def _weigh(planned: PlannedCell, prober: Prober, *, alone: bool = False) -> Size | None:
    """How large a cell's model is; None if it cannot be built."""
    probe = prober.ask(Question(planned=planned, alone=alone))
    return None if probe.error else Size(parameters=probe.parameters, flops_per_image=probe.flops_per_image)


def _as_large_as(target: Size, planned: PlannedCell, registry: Registry, prober: Prober) -> PlannedCell:
    """One cell with its backbone's widths solved for, or with the reason why that cannot be; as it is if it cannot be
    built."""
    choice = planned.cell.backbone
    entry = registry.backbones.get(f"{choice.distribution}:{choice.name}")
    names = entry.spec.sizes

    def skipped(reason: str) -> PlannedCell:
        return planned.model_copy(update={"skip": reason, "size": target})

    if entry.spec.options is None or not names:
        return skipped(f"{choice.name} names no widths that could be solved for (its spec's sizes)")
    start = tuple(value for name in names if isinstance(value := choice.options.get(name), int))
    if len(start) < len(names):
        return skipped(f"{choice.name} names widths that are no integer options of it ({', '.join(names)})")
    model = options_model(entry, entry.spec.options)

    def with_widths(widths: Widths) -> PlannedCell | None:
        options = {**choice.options, **dict(zip(names, widths, strict=True))}
        if not _valid(model, options):
            return None
        resized = choice.model_copy(update={"options": options, "sized": dict(zip(names, widths, strict=True))})
        cell = planned.cell.model_copy(update={"backbone": resized})
        return planned.model_copy(update={"provenance": planned.provenance.model_copy(update={"cell": cell})})

    def weigh(widths: Widths) -> Size | None:
        candidate = with_widths(widths)
        return None if candidate is None else _weigh(candidate, prober)

    steps = tuple(_step(model, choice.options, name) for name in names)
    solution = solve(weigh, start, steps, target)
    if solution is None:
        return planned.model_copy(update={"size": target})
    if not solution.size.agrees(target):
        found = ", ".join(f"{name}={width}" for name, width in zip(names, solution.widths, strict=True))
        return skipped(
            f"no widths make it as large as {choice.name} alone within {TOLERANCE:.0%}; the nearest are {found}: "
            f"{solution.size.difference(target)}"
        )
    resized = with_widths(solution.widths)
    assert resized is not None
    return resized.model_copy(update={"size": target})


def _valid(model: type[BaseModel], options: Mapping[str, JsonValue]) -> bool:
    try:
        restore_options(model, options)
    except ValidationError:
        return False
    return True


def _step(model: type[BaseModel], options: Mapping[str, JsonValue], name: str) -> int:
    """The smallest step that an option may be varied by."""
    start = int(str(options[name]))
    return next((step for step in _STEPS if _valid(model, {**options, name: start + step})), _STEPS[-1])
