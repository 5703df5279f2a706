"""The reporter: a figure for a README or a slide. `render` is what the registry names.

Of each metric, a line per combination and on it a dot per seed, so that a reader sees how far seeds differ. One seed
alone shows the interval that its value was measured with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from statistics import fmean

from condbench.results import MetricRow
from condbench.store import Run

METRICS = ("fid", "label_accuracy")  # the panels, of those that the run has
_LEFT, _WIDTH, _LINE = 240, 400, 18  # where a panel's axis begins, how long it is, and the distance of lines

Panel = Mapping[str, list[MetricRow]]
"""A metric's rows with a value, by combination."""


def render(run: Run) -> str:
    """The text of the whole file; cells that did not end ok, and metrics without a value, have no dot."""
    body: list[str] = []
    top = 0
    for metric in METRICS:
        panel: dict[str, list[MetricRow]] = {}
        for result in run.results():
            row, cell = result.metric(metric), result.provenance.cell
            if row is not None and row.value is not None:
                panel.setdefault(result.name.removesuffix(f".s{cell.seed}"), []).append(row)
        if panel:
            body += _drawn(metric, panel, top)
            top += (len(panel) + 3) * _LINE
    title = f"<title>{escape(run.name)}: {', '.join(METRICS)}</title>"
    size = f'width="{_LEFT + _WIDTH + 80}" height="{max(top, _LINE)}"'
    style = 'font-family="sans-serif" font-size="12"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n{title}\n' + "\n".join(body) + "\n</svg>\n"


def _drawn(metric: str, panel: Panel, top: int) -> Iterator[str]:
    """A panel from ``top`` down: its name, then its combinations with their means, the best first."""
    values = {name: [row.value for row in rows if row.value is not None] for name, rows in panel.items()}
    rows = [row for of_one in panel.values() for row in of_one]
    ends = [number for row in rows for number in (row.value, row.low, row.high) if number is not None]
    low, span = min(ends), (max(ends) - min(ends)) or 1.0
    better = rows[0].better

    def x(number: float) -> str:
        return f"{_LEFT + _WIDTH * (number - low) / span:.1f}"

    yield f'<text x="{_LEFT}" y="{top + _LINE}" font-weight="bold">{escape(metric)}, {better} is better</text>'
    ranked = sorted(values, key=lambda name: fmean(values[name]), reverse=better == "higher")
    for number, name in enumerate(ranked, 2):
        y = top + number * _LINE
        yield f'<text x="{_LEFT - 12}" y="{y + 4}" text-anchor="end">{escape(name)}</text>'
        yield f'<path d="M{_LEFT} {y}h{_WIDTH}" stroke="#ddd"/>'
        if len(panel[name]) == 1 and (row := panel[name][0]).low is not None and row.high is not None:
            yield f'<path d="M{x(row.low)} {y}H{x(row.high)}" stroke="#38c" stroke-width="3" opacity="0.5"/>'
        for value in values[name]:
            yield f'<circle cx="{x(value)}" cy="{y}" r="4" fill="#136"/>'
        yield f'<text x="{_LEFT + _WIDTH + 12}" y="{y + 4}">{fmean(values[name]):.3g}</text>'
