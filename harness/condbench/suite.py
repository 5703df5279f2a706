"""A suite: a named selection of cells with its budget and metrics, read from a TOML file."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from condbench.budget import Budget
from condbench.errors import UserError, unknown
from condbench.results import Track
from condbench.validation import explain


class GuidanceSweep(BaseModel):
    """Each trained cell that can be guided is sampled again at every scale; the main table stays unguided."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scales: list[Annotated[float, Field(ge=0, le=100)]] = []
    metrics: list[str] = Field(["fid", "label_accuracy"], min_length=1)

    @field_validator("scales")
    @classmethod
    def _once(cls, scales: list[float]) -> list[float]:
        if len(set(scales)) < len(scales):
            raise ValueError("name each scale once")
        return scales


class Checkpoints(BaseModel):
    """Each cell is also sampled as it was after these shares of its budget, for curves of quality over compute."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shares: list[Annotated[float, Field(gt=0, lt=1)]] = []
    metrics: list[str] = Field(["fid", "label_accuracy"], min_length=1)

    @field_validator("shares")
    @classmethod
    def _rising(cls, shares: list[float]) -> list[float]:
        if sorted(set(shares)) != shares:
            raise ValueError("name each share once, the smallest first")
        return shares


class Redraws(BaseModel):
    """Each trained cell is sampled so many times more, from other noise: how much of a spread is due to drawing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(0, ge=0, le=100)
    metrics: list[str] = Field(["fid", "label_accuracy"], min_length=1)


class Suite(BaseModel):
    """The keys of a suite's TOML file; ``["*"]`` selects all that is installed."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    description: str = ""
    datasets: list[str] = ["mnist10k"]
    backbones: list[str] = ["*"]
    conditioners: list[str] = ["*"]
    seeds: int = Field(1, ge=1, le=1000, description="cells per combination, seeds 0 to seeds - 1")
    budget: Budget
    condition_dropout: float = Field(0.1, ge=0, lt=1, description="share of training conditions that are dropped")
    track: Track = Field("same-backbone", description="same-size varies widths until all conditioners' sizes agree")
    guidance: GuidanceSweep = GuidanceSweep()
    checkpoints: Checkpoints = Checkpoints()
    redraws: Redraws = Redraws()
    samples: int = Field(1996, ge=100, le=1_000_000, description="samples drawn and measured per cell")
    metrics: list[str] = ["*"]
    encoders: list[str] = Field([], description="condition encoders, where several are installed for one kind")
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto, cpu, cuda or cuda:N")
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    compile: bool = Field(False, description="train through torch.compile; needs a C++ compiler on a CPU")
    threads: int = Field(1, ge=1, le=1024, description="processor threads per cell")
    timeout_seconds: float = Field(1800.0, gt=0, description="wall clock per cell, after which it is killed")
    memory_gib: float = Field(4.0, gt=0, description="memory per cell, above which it is killed")

    @field_validator("budget", mode="before")
    @classmethod
    def _read_budget(cls, value: object) -> object:
        if isinstance(value, dict):
            return Budget.parse(",".join(f"{resource}={limit}" for resource, limit in value.items()))
        return value if isinstance(value, Budget) else Budget.parse(str(value))


def shipped() -> dict[str, Traversable]:
    """The suites that come with condbench, by name."""
    folder = files("condbench") / "suites"
    if not folder.is_dir():  # an editable install leaves them where they are in the source tree
        folder = Path(__file__).parents[2] / "benchmarks" / "suites"
    return {path.name.removesuffix(".toml"): path for path in folder.iterdir() if path.name.endswith(".toml")}


def load_suite(name_or_file: str) -> Suite:
    """A shipped suite by name, or any by its file.

    Raises:
        UserError: if there is no such suite, or its file is not TOML, or a key is unknown or has a wrong value.
    """
    suites = shipped()
    source: Traversable | Path
    if name_or_file in suites:
        source = suites[name_or_file]
    elif name_or_file.endswith(".toml"):
        source = Path(name_or_file)
        if not source.is_file():
            known = ", ".join(sorted(suites))
            raise UserError(f"there is no suite file '{name_or_file}': name an existing TOML file or one of {known}.")
    else:
        raise unknown("suite", name_or_file, suites, hint="A suite of your own is named by its file, e.g. mine.toml.")
    try:
        return Suite.model_validate(tomllib.loads(source.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"the suite '{name_or_file}' is not valid TOML: {error}.") from None
    except ValidationError as error:
        raise explain(error, f"the suite '{name_or_file}'", Suite) from None
    except UserError as error:
        raise UserError(f"the suite '{name_or_file}': {error}") from None


def changed(suite: Suite, changes: dict[str, object]) -> Suite:
    """The suite with what the command line changes in it, validated like a file."""
    try:
        return Suite.model_validate(dict(suite) | changes)
    except ValidationError as error:
        raise explain(error, "the command line", Suite) from None
