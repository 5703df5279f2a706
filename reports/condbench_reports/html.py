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

from condbench.results import Table
from condbench.statistics import EFFECTS
from condbench.store import Run
from condbench_reports import chart, conclusions, curves, formats, glossary, guidance, matrix, size, trade
from condbench_reports.agreement import agreement
from condbench_reports.combination import Combination, Trial
from condbench_reports.facts import facts
from condbench_reports.heat import HeatMap, heat_map
from condbench_reports.matrix import Section
from condbench_reports.pictures import Picture, picture
from condbench_reports.scale import STEPS
from condbench_reports.trend import trends

# The harness draws no more columns into a sample grid than this; reports may not import it to ask.
_GRID_COLUMNS = 20


@dataclass(frozen=True)
class Card:
    """A cell of the gallery: its picture, or in words why there is none."""

    trial: Trial
    combination: Combination
    anchor: str
    picture: Picture | str
    figures: tuple[tuple[str, str], ...]
    tables: tuple[tuple[str, Table], ...]
    solved: str


@dataclass(frozen=True)
class Page:
    """A section with everything drawn in it."""

    section: Section
    anchor: str
    heading: str
    maps: tuple[HeatMap, ...]
    sweep: guidance.Sweep | None
    charts: tuple[chart.Chart, ...]
    curves: curves.Curves | None
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
            title=formats.title(run, parts),
            statuses=matrix.statuses(parts),
            pages=[_page(run, part, f"s{index}", formats.heading(part, parts)) for index, part in enumerate(parts)],
            metrics={metric.name: metric for part in parts for metric in part.metrics}.values(),
            facts=facts(run),
            found=conclusions.conclusions(run),
            trend=trends(run),
            effects=EFFECTS,
            more_seeds=conclusions.MORE_SEEDS,
            about_fronts=conclusions.FRONTS,
            command=shlex.join(run.info.command),
            steps=STEPS,
            chart_size=(chart.WIDTH, chart.HEIGHT),
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
        brackets=formats.brackets,
        constants=formats.constants,
        unlike=formats.unlike,
        dominators=formats.dominators,
        waiting=formats.waiting,
        direction=formats.direction,
        definition=glossary.definition,
        breakable=_breakable,
        scale=guidance.words,
        percent=conclusions.percent,
        estimate=formats.estimate,
        zip=zip,
    )
    environment.globals.update(agreement=agreement, added=size.added, solved=size.solved, explanation=size.explanation)
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
    sweep = guidance.sweep(section)
    return Page(
        section=section,
        anchor=anchor,
        heading=heading,
        maps=tuple(heat_map(section, metric, anchors) for metric in section.key_metrics),
        sweep=sweep,
        charts=trade.charts(sweep) if sweep is not None else (),
        curves=curves.curves(section),
        gallery=tuple((backbone, tuple(_cards(run, section, backbone, cards))) for backbone in section.backbones),
        anchors=anchors,
        cards=cards,
    )


def _cards(run: Run, section: Section, backbone: str, anchors: dict[str, str]) -> Iterator[Card]:
    for combination in section.combinations:
        if combination.backbone != backbone:
            continue
        for trial in combination.trials:
            alone = Combination(combination.backbone, combination.conditioner, (trial,))
            figures = [
                (metric.name, " ".join((formats.number(value.mean, metric.unit), value.note)).strip())
                for metric in section.key_metrics
                if (value := alone.value(metric.name)) is not None
            ]
            yield Card(
                trial=trial,
                combination=combination,
                anchor=anchors[trial.name],
                picture=picture(run.cell_path(trial.name) / "samples.png"),
                figures=tuple(figures),
                tables=tuple((row.name, row.table) for result in alone.finished for row in result.metrics if row.table),
                solved=size.solved(alone),
            )
