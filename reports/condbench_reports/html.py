"""The HTML reporter: one self-contained page, without network, readable, printable and sortable. Called via `register`.

Python decides what is shown (the dataclasses below), ``templates/`` how; the template engine escapes every string.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import jinja2
from markupsafe import Markup, escape

from condbench.store import Run
from condbench_reports import formats, glossary, matrix
from condbench_reports.facts import facts
from condbench_reports.matrix import Combination, Metric, Section, Trial
from condbench_reports.pictures import Picture, picture
from condbench_reports.scale import STEPS, Scale

# What belongs beside a metric in its heat map: another metric, and the sample count where the value depends on it.
_COMPANIONS = {"fid": ("fid_floor", "floor {}"), "sampling_throughput": ("network_evaluations", "{} evaluations")}
_BIASED = frozenset({"fid", "intra_fid"})

# The harness draws no more columns into a sample grid than this; reports may not import it to ask.
_GRID_COLUMNS = 20


@dataclass(frozen=True)
class Tile:
    """A cell of a heat map: a number with what belongs beside it, or a state."""

    text: str
    beside: tuple[str, ...] = ()
    step: int | None = None
    tooltip: str = ""
    href: str = ""


@dataclass(frozen=True)
class HeatMap:
    """A metric over backbone x conditioner. ``worst`` and ``best`` are the ends of the scale; empty without values."""

    metric: Metric
    worst: str
    best: str
    logarithmic: bool
    rows: tuple[tuple[str, tuple[Tile, ...]], ...]


@dataclass(frozen=True)
class Card:
    """A cell of the gallery: its picture, or in words why there is none."""

    trial: Trial
    combination: Combination
    anchor: str
    picture: Picture | str
    figures: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Page:
    """A section with everything drawn in it."""

    section: Section
    anchor: str
    heading: str
    maps: tuple[HeatMap, ...]
    gallery: tuple[tuple[str, tuple[Card, ...]], ...]
    anchors: dict[tuple[str, str], str]
    cards: dict[str, str]


def render(run: Run) -> str:
    """The page as HTML text.

    Raises:
        UserError: if a file of the run is damaged.
    """
    parts = matrix.sections(run)
    script = _environment().get_template("sort.js").render()
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            run=run,
            title=matrix.title(run, parts),
            statuses=matrix.statuses(parts),
            pages=[_page(run, part, f"s{index}", formats.heading(part, parts)) for index, part in enumerate(parts)],
            metrics={metric.name: metric for part in parts for metric in part.metrics}.values(),
            facts=facts(run),
            command=shlex.join(run.info.command),
            steps=STEPS,
            not_finite=matrix.NOT_FINITE,
            grid_columns=_GRID_COLUMNS,
            script=Markup(script),
            script_hash=_script_hash(script),
        )
    )


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("condbench_reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=formats.number,
        interval=formats.interval,
        unit=formats.shown_unit,
        budget=formats.budget,
        constants=formats.constants,
        waiting=formats.waiting,
        direction=formats.direction,
        definition=glossary.definition,
        breakable=_breakable,
    )
    return environment


def _script_hash(script: str) -> str:
    """The only script that the page may run, as its content security policy names it (CSP level 3, section 2.3.1)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode('ascii')}"


def _breakable(name: str) -> Markup:
    """A name that may break across lines after its joints only, as in ``sampling_|throughput``."""
    return Markup("<wbr>").join(escape(part) for part in re.split(r"(?<=[_,\[])|(?<=\.)(?!\d)", name))


def _page(run: Run, section: Section, anchor: str, heading: str) -> Page:
    pairs = [(c.backbone, c.conditioner) for c in section.combinations]
    anchors = {pair: f"{anchor}-c{index}" for index, pair in enumerate(pairs)}
    cards = {trial.name: f"{anchor}-t{index}" for index, trial in enumerate(section.trials)}
    return Page(
        section=section,
        anchor=anchor,
        heading=heading,
        maps=tuple(_map(section, metric, anchors) for metric in section.key_metrics),
        gallery=tuple((backbone, tuple(_cards(run, section, backbone, cards))) for backbone in section.backbones),
        anchors=anchors,
        cards=cards,
    )


def _map(section: Section, metric: Metric, anchors: dict[tuple[str, str], str]) -> HeatMap:
    means = [value.mean for c in section.combinations if (value := c.value(metric.name)) is not None]
    scale = Scale.over(means, metric) if means else None

    def tile(backbone: str, conditioner: str) -> Tile:
        combination = section.at(backbone, conditioner)
        if combination is None:
            return Tile("—", tooltip="not in the plan")
        return _tile(combination, metric, scale, f"#{anchors[backbone, conditioner]}")

    return HeatMap(
        metric=metric,
        worst=formats.number(scale.worst, metric.unit) if scale else "",
        best=formats.number(scale.best, metric.unit) if scale else "",
        logarithmic=scale is not None and scale.logarithmic,
        rows=tuple(
            (backbone, tuple(tile(backbone, conditioner) for conditioner in section.conditioners))
            for backbone in section.backbones
        ),
    )


def _tile(combination: Combination, metric: Metric, scale: Scale | None, href: str) -> Tile:
    value = combination.value(metric.name)
    if value is None or scale is None:
        state = combination.status if combination.status != "ok" else "no value"
        return Tile(state, tooltip=combination.why(metric.name) or state, href=href)
    beside = []
    trials = len(combination.trials)
    if trials > 1:
        beside.append(f"{trials} seeds" if value.seeds == trials else f"{value.seeds} of {trials} seeds")
    companion, words = _COMPANIONS.get(metric.name, ("", ""))
    if (other := combination.value(companion)) is not None:
        beside.append(words.format(formats.number(other.mean)))
    if value.low is not None and value.high is not None:
        beside.append(f"{formats.number(value.low, metric.unit)} to {formats.number(value.high, metric.unit)}")
    if value.n is not None and metric.name in _BIASED:
        beside.append(f"n {value.n:,}")
    return Tile(
        text=formats.number(value.mean, metric.unit),
        beside=tuple(beside),
        step=scale.step(value.mean),
        tooltip=f"{combination.name}: {metric.name} {value.mean:.6g} {metric.unit}",
        href=href,
    )


def _cards(run: Run, section: Section, backbone: str, anchors: dict[str, str]) -> Iterator[Card]:
    for combination in section.combinations:
        if combination.backbone != backbone:
            continue
        for trial in combination.trials:
            alone = Combination(combination.backbone, combination.conditioner, (trial,))
            figures = [
                (metric.name, formats.number(value.mean, metric.unit))
                for metric in section.key_metrics
                if (value := alone.value(metric.name)) is not None
            ]
            yield Card(
                trial=trial,
                combination=combination,
                anchor=anchors[trial.name],
                picture=picture(run.cell_path(trial.name) / "samples.png"),
                figures=tuple(figures),
            )
