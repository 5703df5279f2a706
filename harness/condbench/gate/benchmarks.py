"""Two files of pytest-benchmark (``--benchmark-json``) against each other.

Medians are compared by their logarithms. The rounds' spread, by the interquartile range, gives a median's error:
sqrt(pi / 2) * sigma / sqrt(n) for normal rounds, with sigma = IQR / 1.349 (e.g. Serfling 1980, "Approximation theorems
of mathematical statistics", section 2.3). What it cannot give is how the machine changed between the two files, which
were not measured in turns; so a benchmark must be 30 % slower beyond that error.
"""

from __future__ import annotations

import math
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from condbench.errors import NotComparable, UserError
from condbench.gate.outcome import Finding, Outcome, Result
from condbench.gate.speed.decision import ERROR
from condbench.statistics import Interval

DRIFT = math.log(1.3)
"""What may change between two sessions of one machine without alarm."""

_FEW = 5
_MACHINE = ("node", "machine", "processor", "cpu", "system", "python_implementation", "python_version")


class _Cpu(BaseModel):
    brand_raw: str = ""
    count: int | None = None


class _Machine(BaseModel):
    """Of pytest-benchmark's ``machine_info`` what speeds depend on."""

    node: str = ""
    machine: str = ""
    processor: str = ""
    cpu: _Cpu = _Cpu()
    system: str = ""
    python_implementation: str = ""
    python_version: str = ""


class _Stats(BaseModel):
    median: float = Field(gt=0, allow_inf_nan=False)
    iqr: float = Field(ge=0, allow_inf_nan=False)
    rounds: int = Field(ge=1)

    @property
    def variance(self) -> float:
        """Of the median's logarithm."""
        return math.pi / 2 * (self.iqr / 1.349 / self.median) ** 2 / self.rounds

    @property
    def interval(self) -> Interval:
        return Interval(self.median, None, None, self.rounds)


class _Benchmark(BaseModel):
    fullname: str
    stats: _Stats


class _Session(BaseModel):
    machine_info: _Machine
    benchmarks: list[_Benchmark] = Field(min_length=1)

    @property
    def by_name(self) -> dict[str, _Stats]:
        return {benchmark.fullname: benchmark.stats for benchmark in self.benchmarks}


def check_benchmarks(base: Path, head: Path) -> Outcome:
    """A finding per benchmark of base.

    Raises:
        UserError: if head's file is not pytest-benchmark's.
        NotComparable: if base's is not, or they are from different machines or interpreters.
    """
    before, now = _read(base, NotComparable), _read(head, UserError)
    for name in _MACHINE:
        was, is_ = getattr(before.machine_info, name), getattr(now.machine_info, name)
        if was != is_:
            raise NotComparable(
                f"'{base}' and '{head}' are from different machines ({name}: {was} and {is_}): run both on one, or "
                "measure in turns with `condbench check --speed`."
            )
    after = now.by_name
    findings = tuple(
        _finding(name, stats, after.get(name), len(before.by_name)) for name, stats in before.by_name.items()
    )
    new = tuple(f"{name} is new" for name in after if name not in before.by_name)
    return Outcome(str(base), str(head), findings, notes=new)


def _finding(name: str, base: _Stats, head: _Stats | None, tests: int) -> Finding:
    if head is None:
        return Finding(name, "median", "not comparable", "rounds", "it is not there any more", "s", "lower")
    from scipy.special import ndtri

    worse, error = math.log(head.median / base.median), math.sqrt(base.variance + head.variance)
    half = float(-ndtri(ERROR / tests)) * error
    result: Result = "pass"
    why = ""
    if min(base.rounds, head.rounds) < _FEW:
        result, why = "inconclusive", f"fewer than {_FEW} rounds do not tell how much they differ"
    elif worse - half > DRIFT:
        result, why = "regressed", "slower by more than 30 %, for sure"
    elif worse + half < -DRIFT:
        result, why = "improved", "faster by more than 30 %, for sure"
    elif worse + half > DRIFT:
        result, why = "inconclusive", "it may be slower by more than 30 %, or not"
    return Finding(
        cell=name,
        metric="median",
        result=result,
        stage="rounds",
        why=why,
        unit="s",
        better="lower",
        scale="log",
        base=base.interval,
        head=head.interval,
        smallest=base.median * math.exp(DRIFT + half + float(ndtri(0.8)) * error),
    )


def _read(path: Path, refusal: type[UserError]) -> _Session:
    try:
        return _Session.model_validate_json(path.read_bytes())
    except OSError as error:
        raise refusal(
            f"'{path}' cannot be read ({error.strerror}): make it with pytest --benchmark-json {path}."
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise refusal(
            f"'{path}' is not a file of pytest-benchmark ({where + ': ' if where else ''}{first['msg']}): make it with "
            f"pytest --benchmark-json {path}."
        ) from None
