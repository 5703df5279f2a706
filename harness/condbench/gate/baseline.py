"""The baseline file: what a known-good revision measured, per cell and seed, and what that depended on.

JSON, small, in a fixed order and a line per seed, so that a new one can be read as a diff. It seals itself with a
digest: a file that was truncated, edited or made by something else is refused and never passes for a baseline.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from condbench.budget import Budget
from condbench.errors import NotComparable, UserError
from condbench.results import Cell, Choice, Distribution, Provenance, Record, Settings
from condbench.specs import Better
from condbench.store import write_atomically

KIND: Literal["condbench baseline"] = "condbench baseline"
SCHEMA: Literal[1] = 1
GATED = ("fid", "label_accuracy")
"""The metrics that a check looks at, where a run has measured them."""

_BESIDE = (
    *("guidance_scales", "guidance_metrics", "checkpoint_shares", "checkpoint_metrics"),
    *("redraws", "redraw_metrics"),
)
"""The settings that ask for further samples, beside those that a check looks at."""

_WIDTH = 180
_AGAIN = "record it anew with `condbench baseline record RUN --out FILE`, or restore it"


class GatedMetric(Record):
    """A metric as its rows describe it; ``n`` is the sample count that every value is of."""

    name: str
    unit: str
    better: Better
    n: int | None


class SeedValues(Record):
    """What one training measured, and digests of what it drew and of what it had learnt."""

    seed: int
    values: dict[str, float]
    samples: str = Field("", description="of sha256, over the samples' pixels; empty where they were not kept")
    weights: str = Field("", description="of sha256, over the weights' file; empty where it was not kept")


class Draw(Record):
    """What samples from frozen weights, fixed noise and fixed labels measure, and the digest of their pixels."""

    values: dict[str, float]
    samples: str


class Frozen(Record):
    """Weights kept beside the baseline, and what draws of ``images`` samples each from them gave."""

    file: str
    digest: str
    images: int
    draws: tuple[Draw, ...]


class BaselineCell(Record):
    """A combination of dataset, backbone and conditioner, with its seeds; ``name`` is its cells' without the seed."""

    name: str
    dataset: Choice
    backbone: Choice
    conditioner: Choice
    data: str
    assets: dict[str, str]
    frozen: Frozen | None = None
    seeds: tuple[SeedValues, ...] = Field(min_length=1)

    @property
    def identity(self) -> tuple[tuple[str, str], ...]:
        """What makes it a row of its own (`condbench.combinations.Identity`)."""
        return self.dataset.identity, self.backbone.identity, self.conditioner.identity


class Recorded(Record):
    """Where a baseline is from."""

    run: str
    suite: str
    started: str
    condbench: str


class Baseline(Record):
    """A baseline as it stands in its file; ``digest`` is over all else."""

    kind: Literal["condbench baseline"] = KIND
    schema_version: Literal[1] = SCHEMA
    digest: str = ""
    recorded: Recorded
    metrics: tuple[GatedMetric, ...] = Field(min_length=1)
    budget: Budget
    settings: Settings
    distributions: dict[str, Distribution]
    libraries: dict[str, str]
    processor: str
    cells: tuple[BaselineCell, ...] = Field(min_length=1)

    def provenance(self, cell: BaselineCell, seed: int) -> Provenance:
        """What the result of one training depended on, as far as the gated metrics go."""
        planned = Cell(
            dataset=cell.dataset, backbone=cell.backbone, conditioner=cell.conditioner, budget=self.budget, seed=seed
        )
        names = involved(planned, self.settings)
        return Provenance(
            cell=planned,
            settings=self.settings,
            distributions={name: self.distributions[name] for name in names if name in self.distributions},
            data=cell.data,
            assets=cell.assets,
            libraries=self.libraries,
            processor=self.processor,
        )


def involved(cell: Cell, settings: Settings) -> list[str]:
    """The names of the distributions that have a part in a result, the harness included."""
    chosen = [cell.dataset.distribution, cell.backbone.distribution, cell.conditioner.distribution]
    named = [name.rpartition(":")[0] for name in (*settings.encoders, *settings.metrics)]
    return list(dict.fromkeys(["condbench (harness)", *chosen, *named]))


def gated(provenance: Provenance) -> Provenance:
    """A provenance less what no gated metric depends on: other metrics, and whatever else a suite wants sampled."""
    metrics = tuple(name for name in provenance.settings.metrics if name.rpartition(":")[2] in GATED)
    beside = {name: Settings.model_fields[name].default for name in _BESIDE}
    settings = provenance.settings.model_copy(update={"metrics": metrics, **beside})
    names = involved(provenance.cell, settings)
    return provenance.model_copy(
        update={
            "settings": settings,
            "distributions": {
                name: provenance.distributions[name] for name in names if name in provenance.distributions
            },
            "assets": {name: digest for name, digest in provenance.assets.items() if name in metrics},
        }
    )


def round_value(value: float) -> float:
    """A measured value as it stands in the file: six digits, far below what seeds differ by."""
    return float(f"{value:.6g}")


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Seal and write it, whole or not at all."""
    content = baseline.model_dump(mode="json")
    content["digest"] = _digest(content)
    write_atomically(path, _pretty(content, 0) + "\n")


def read_baseline(path: Path) -> Baseline:
    """The baseline in a file.

    Raises:
        NotComparable: if there is none, or it is not what `write_baseline` wrote; one sentence says which.
    """
    if not path.is_file():
        raise NotComparable(
            f"there is no baseline '{path}': record one with `condbench baseline record RUN --out {path}`."
        )
    try:
        content: Any = json.loads(path.read_bytes(), parse_constant=_refuse)
    except OSError as error:
        raise NotComparable(
            f"the baseline '{path}' cannot be read ({error.strerror}): give it the right to be read, e.g. chmod +r."
        ) from None
    except (ValueError, RecursionError):
        raise NotComparable(f"the baseline '{path}' is truncated or damaged (it is not JSON): {_AGAIN}.") from None
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise NotComparable(
            f"'{path}' is not a baseline of condbench: name a file that `condbench baseline record` made."
        )
    version = content.get("schema_version")
    if version != SCHEMA:
        raise NotComparable(
            f"the baseline '{path}' has the schema version {version}, and this condbench reads {SCHEMA}: {_AGAIN}."
        )
    if content.get("digest") != _digest(content):
        raise NotComparable(f"the baseline '{path}' was edited or damaged (its digest does not fit): {_AGAIN}.")
    try:
        return Baseline.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise NotComparable(f"the baseline '{path}' is damaged ({where}: {first['msg']}): {_AGAIN}.") from None
    except UserError as error:  # of the budget
        raise NotComparable(f"the baseline '{path}' is damaged ({error}): {_AGAIN}.") from None


def _digest(content: dict[str, Any]) -> str:
    """sha256 over everything but the digest itself, whatever the order of keys and the white space."""
    rest = {key: value for key, value in content.items() if key != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _refuse(constant: str) -> float:
    raise ValueError(constant)


def _pretty(value: Any, depth: int) -> str:
    """JSON with a line for what fits into one, e.g. a seed; in the order that it has."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or (depth > 1 and depth + len(line) <= _WIDTH):
        return line
    indent, end = "\n" + " " * (depth + 1), "\n" + " " * depth
    if isinstance(value, list):
        return f"[{','.join(indent + _pretty(item, depth + 1) for item in value)}{end}]"
    items = (f"{indent}{json.dumps(key)}: {_pretty(item, depth + 1)}" for key, item in value.items())
    return f"{{{','.join(items)}{end}}}"
