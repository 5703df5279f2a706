"""The records that a run consists of, as they stand in its files: plan lines, results and the run's own description.

Everything here is pydantic, so that what is read back is checked; importing it needs no torch. Defaults are said by
``default=``, since type checkers of plugins know them by no other name (PEP 681).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from condbench.budget import Budget
from condbench.discovery import Standing
from condbench.specs import Better

State = Literal["ok", "skipped", "failed", "diverged", "timeout", "out-of-memory", "lost"]
"""How a cell ended: in exactly one of these."""

Precision = Literal["fp32", "bf16"]
"""What training and sampling compute in, where autocast allows it."""

Track = Literal["same-backbone", "same-size"]
"""Whether a conditioner's parameters come on top, or widths are solved for until all sizes agree."""


class Record(BaseModel):
    """Base: frozen, and unknown fields are an error, so that a foreign file is noticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Choice(Record):
    """A plugin as chosen for a cell: whose it is, and all of its options, defaults included."""

    name: str
    distribution: str
    options: dict[str, JsonValue] = {}
    changed: dict[str, JsonValue] = Field(
        default={}, description="the options that were asked for and are not the defaults"
    )
    sized: dict[str, JsonValue] = Field(default={}, description="the options that the track same-size has solved for")

    def __str__(self) -> str:
        """The form that the command line takes: ``flow[width=64]``."""
        options = ",".join(f"{key}={value}" for key, value in sorted(self.changed.items()))
        return f"{self.name}[{options}]" if options else self.name

    @property
    def identity(self) -> tuple[str, str]:
        """What makes a choice a row of its own: the options that were asked for, not those that a track solved for."""
        return self.distribution, str(self)


def labels(choices: Iterable[Choice]) -> dict[tuple[str, str], str]:
    """How each choice is called, by its identity: its name with options, and its distribution where two share one."""
    return _told_apart(choice.identity for choice in choices)


def names(choices: Iterable[Choice]) -> dict[tuple[str, str], str]:
    """The same without options, by distribution and name."""
    return _told_apart((choice.distribution, choice.name) for choice in choices)


def _told_apart(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    once = dict.fromkeys(pairs)
    shared = Counter(text for _, text in once)
    return {(whose, text): f"{whose}:{text}" if shared[text] > 1 else text for whose, text in once}


class Settings(Record):
    """How cells are trained and measured, beyond what they are; the same for all cells of a run."""

    device: str
    precision: Precision
    threads: int
    condition_dropout: float
    samples: int
    metrics: tuple[str, ...]
    encoders: tuple[str, ...]
    timeout_seconds: float
    memory_bytes: int
    track: Track = "same-backbone"
    guidance_scales: tuple[float, ...] = Field(
        default=(), description="scales to sample at once more, for the guidance sweep"
    )
    guidance_metrics: tuple[str, ...] = Field(default=(), description="what is measured at each of them")
    checkpoint_shares: tuple[float, ...] = Field(
        default=(), description="shares of the budget after which to sample as well"
    )
    checkpoint_metrics: tuple[str, ...] = Field(default=(), description="what is measured at each of them")
    redraws: int = Field(default=0, description="how often to sample again from other noise")
    redraw_metrics: tuple[str, ...] = Field(default=(), description="what is measured of each of them")
    compile: bool = False


class Cell(Record):
    """The unit of work: one (task, backbone, conditioner, options, budget, seed)."""

    dataset: Choice
    backbone: Choice
    conditioner: Choice
    budget: Budget
    seed: int


class Distribution(Record):
    """An installed distribution that had a part in a result."""

    version: str
    digest: str


class Provenance(Record):
    """Everything that a cell's result depends on; two results are interchangeable where it is equal."""

    cell: Cell
    settings: Settings
    distributions: dict[str, Distribution]
    data: str
    assets: dict[str, str]
    libraries: dict[str, str]
    processor: str


TOLERANCE = 0.02
"""How far parameters and FLOPs per image may be apart under the track same-size, as a share."""


class Size(Record):
    """How large a model is: its parameters, and the FLOPs per image of its (last) training step."""

    parameters: float
    flops_per_image: float

    def agrees(self, other: Size) -> bool:
        """Whether both are within `TOLERANCE` of ``other``'s."""
        return max(map(abs, self._apart(other))) <= TOLERANCE

    def difference(self, other: Size) -> str:
        """How much larger than ``other``, in words: ``parameters +3.1 %, FLOPs per image -0.4 %``."""
        parameters, flops = self._apart(other)
        return f"parameters {100 * parameters:+.1f} %, FLOPs per image {100 * flops:+.1f} %"

    def _apart(self, other: Size) -> tuple[float, float]:
        return self.parameters / other.parameters - 1, self.flops_per_image / other.flops_per_image - 1


class PlannedCell(Record):
    """A line of plan.jsonl: a cell, its name within the run, and why it is skipped, if it is."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._~-]*$")
    provenance: Provenance
    skip: str = ""
    data_root: str | None = None
    size: Size | None = Field(
        default=None, description="under the track same-size: what its size must be, or could not be made"
    )
    forecast_seconds: float | None = Field(
        default=None, description="how long its whole life should take, where that was asked"
    )

    @property
    def cell(self) -> Cell:
        """What to do."""
        return self.provenance.cell


class Table(Record):
    """The parts that a value is made of, e.g. a value per label, or the confusion matrix behind an accuracy.

    ``values`` has a line per row and an entry per column; None where there is none.
    """

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if len(self.values) != len(self.rows) or any(len(line) != len(self.columns) for line in self.values):
            raise ValueError(f"a table of {len(self.rows)} rows and {len(self.columns)} columns needs as many values")
        return self


class MetricRow(Record):
    """A measured value, or the reason why there is none."""

    name: str
    value: float | None
    unit: str
    better: Better
    n: int | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""
    note: str = Field(default="", description="what must be known of this value, e.g. that it is a bound")
    summary: str = Field(default="", description="what it measures, in words")
    table: Table | None = Field(default=None, description="the parts that the value is made of")


class Guided(Record):
    """What the same trained cell measures when its samples lean towards u; the main table has none of it."""

    scale: float
    metrics: tuple[MetricRow, ...]


class Checkpoint(Record):
    """What the cell measures as it was after a share of its budget, with what it had spent by then."""

    progress: float
    flops: float
    samples: float
    seconds: float
    metrics: tuple[MetricRow, ...]


class Redraw(Record):
    """What the same trained cell measures of other samples; ``seed`` is nested in the cell's, which has 0 itself."""

    seed: int
    metrics: tuple[MetricRow, ...]


class CellResult(Record):
    """result.json: the end of a cell, whichever it was."""

    schema_version: Literal[1] = 1
    name: str
    state: State
    reason: str = ""
    ended_by: str = Field(default="", description="the budget's resource that ended training")
    provenance: Provenance
    metrics: tuple[MetricRow, ...] = ()
    guided: tuple[Guided, ...] = Field(default=(), description="the guidance sweep, if the suite has one")
    checkpoints: tuple[Checkpoint, ...] = Field(default=(), description="earlier states, if the suite asks for any")
    redraws: tuple[Redraw, ...] = Field(default=(), description="samples from other noise, if the suite asks for any")
    labels: tuple[str, ...] = Field(default=(), description="the names of the task's classes, if it has any")
    stages: dict[str, float] = Field(default={}, description="seconds per stage of the cell's life, e.g. train")
    started: str = ""

    def metric(self, name: str) -> MetricRow | None:
        """The row of that name, if there is one."""
        return next((row for row in self.metrics if row.name == name), None)


class Scores(Record):
    """What `condbench evaluate` finds: the measures of a file of samples, and all that they depend on."""

    schema_version: Literal[1] = 1
    file: str
    sha256: str
    images: int
    dataset: str
    data: str
    distributions: dict[str, Distribution]
    assets: dict[str, str]
    libraries: dict[str, str]
    device: str
    processor: str
    threads: int
    metrics: tuple[MetricRow, ...]


_RENAMED: dict[object, Standing] = {"active": "ok", "quarantined": "broken"}  # as runs of version 0.1.0 call them


class PluginState(Record):
    """What became of an installed plugin."""

    distribution: str
    version: str
    entry_point: str
    state: Annotated[Standing, BeforeValidator(lambda state: _RENAMED.get(state, state))]
    error: str = ""


class Machine(Record):
    """Where a run took place."""

    platform: str
    processor: str
    cores: int
    memory_bytes: int
    python: str


class RunInfo(Record):
    """run.json: what was asked, on which machine, with which plugins."""

    schema_version: Literal[1] = 1
    suite: str
    description: str = ""
    command: Annotated[list[str], Field(description="the command line that started the run")]
    created: str
    machine: Machine
    plugins: list[PluginState]
    jobs: int = 1
    executor: str = "local"
    within_seconds: float | None = Field(
        default=None, description="the time that the run was told to end in, if it was"
    )
