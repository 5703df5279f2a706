"""What came of a check, per cell and metric; the reporters and the command's exit code read nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from condbench.gate.decision import Decision
from condbench.specs import Better
from condbench.statistics import Interval, Scale

Result = Literal["pass", "improved", "regressed", "inconclusive", "not comparable", "failed"]
Stage = Literal["provenance", "frozen weights", "same samples", "seeds", "rounds", ""]

ORDER: tuple[Result, ...] = ("regressed", "failed", "not comparable", "inconclusive", "improved", "pass")
"""The results, what wants attention first."""

_CODES: dict[Result, int] = {"regressed": 1, "failed": 3, "not comparable": 4}
_INCONCLUSIVE = 5


@dataclass(frozen=True)
class Finding:
    """A metric of a cell, and what can be said of it.

    ``stage`` is what settled it; ``base`` and ``head`` are typical values over seeds (over draws, from frozen weights),
    ``smallest`` the typical value that would have raised an alarm four times out of five, ``decision`` the test.
    """

    cell: str
    metric: str
    result: Result
    stage: Stage
    why: str = ""
    unit: str = ""
    better: Better = "neither"
    scale: Scale = "identity"
    base: Interval | None = None
    head: Interval | None = None
    smallest: float | None = None
    decision: Decision | None = None


@dataclass(frozen=True)
class Outcome:
    """A whole check: what of, every finding, what differs from the baseline, and what else must be known."""

    baseline: str
    checked: str
    findings: tuple[Finding, ...]
    changed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def count(self) -> Counter[Result]:
        """How many findings there are of each result."""
        return Counter(finding.result for finding in self.findings)

    def exit_code(self, *, strict: bool) -> int:
        """1 a regression, 3 a cell failed, 4 not comparable, 5 inconclusive (if ``strict``), 0 none of these."""
        count = self.count()
        for result, code in _CODES.items():
            if count[result]:
                return code
        return _INCONCLUSIVE if strict and count["inconclusive"] else 0

    def by_urgency(self) -> list[Finding]:
        """All findings, what wants attention first."""
        return sorted(self.findings, key=lambda finding: ORDER.index(finding.result))

    @property
    def headline(self) -> str:
        """One line: ``30 pass, 1 regressed, 1 inconclusive``."""
        count = self.count()
        return ", ".join(f"{count[result]} {result}" for result in reversed(ORDER) if count[result])

    @property
    def advice(self) -> str:
        """What to do about improvements; empty where there are none, or something else is wrong."""
        count = self.count()
        if not count["improved"] or any(count[result] for result in _CODES):
            return ""
        improved = [finding for finding in self.findings if finding.result == "improved" and finding.stage != "rounds"]
        cells = ", ".join(dict.fromkeys(finding.cell for finding in improved))
        if not cells:  # what is faster than its base needs no baseline
            return ""
        return (
            f"{cells} got better: record a new baseline from ten seeds, so that the gain is kept "
            "(`condbench baseline record RUN --out FILE`)."
        )
