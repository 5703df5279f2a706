"""Round after round of every subject, until each of its measures is settled or the time is up; then the findings."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from statistics import fmean

from condbench.gate.outcome import Finding
from condbench.gate.speed.decision import LOOKS, Ratio, Verdict, Watched, look, ratio
from condbench.gate.speed.sides import CannotMeasure, Side
from condbench.gate.speed.subjects import Measure, Pair, Subject
from condbench.statistics import Interval

_WHY: dict[Verdict, str] = {
    "regressed": "worse by more than 5 %, for sure",
    "improved": "better by more than 5 %, for sure",
    "inconclusive": "rounds differ too much to tell",
    "pass": "",
}


def interleave(
    subjects: Sequence[Subject],
    base: Side,
    head: Side,
    *,
    seconds: float,
    say: Callable[[str], None],
    note: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
) -> list[Finding]:
    """Measure every subject of both sides and say what came of it, a finding per subject and measure.

    Looks are planned by rounds, not by the clock, so what is open when the time is up is inconclusive.

    Args:
        subjects: what to measure.
        base: the revision before.
        head: the revision now.
        seconds: the time after which no subject begins another round.
        say: told what happens.
        note: told what is new in head, and so has no base to be held against.
        clock: tells the time, in seconds.
    """
    end = clock() + seconds
    records = [_Record(subject) for subject in subjects]
    for number in range(1, LOOKS[-1] + 1):
        todo = [record for record in records if record.open]
        if todo:
            say(f"round {number}: {', '.join(record.subject.name for record in todo)}")
        for record in todo:
            if clock() >= end:
                return _findings(records)
            record.add(base, head, base_first=number % 2 == 1)
            if record.is_new:
                note(f"{record.subject.name} is new, and so not checked: base has none ({record.broken})")
        if number in LOOKS:
            look([watched for record in records if not record.broken for watched in record.watched.values()])
    return _findings(records)


class _Record:
    """A subject with its rounds so far."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.watched = {measure.name: Watched() for measure in subject.measures}
        self.base: dict[str, list[float]] = {measure.name: [] for measure in subject.measures}
        self.broken: CannotMeasure | None = None

    @property
    def open(self) -> bool:
        return self.broken is None and any(watched.verdict is None for watched in self.watched.values())

    @property
    def is_new(self) -> bool:
        return self.broken is not None and self.broken.absent and self.broken.side.name == "base"

    def add(self, base: Side, head: Side, *, base_first: bool) -> None:
        """A round more; of a measure that is settled it changes nothing."""
        try:
            pairs = self.subject.round(base, head, base_first)
        except CannotMeasure as why:
            self.broken = why
            return
        for name, pair in pairs.items():
            if self.watched[name].verdict is None:
                self._keep(name, pair)

    def _keep(self, name: str, pair: Pair) -> None:
        self.watched[name].worse.append(pair.worse)
        self.base[name].append(pair.base)

    def findings(self, measures: int) -> list[Finding]:
        """What can be said of each measure, of ``measures`` in the whole check."""
        return [self._finding(measure, measures) for measure in self.subject.measures]

    def _finding(self, measure: Measure, measures: int) -> Finding:
        if self.broken is not None:
            of_base = self.broken.side.name == "base"
            return Finding(
                self.subject.name,
                measure.name,
                "not comparable" if of_base else "failed",
                "rounds",
                f"{self.broken.side.name}: {self.broken}",
                measure.unit,
                measure.better,
            )
        watched, values = self.watched[measure.name], self.base[measure.name]
        verdict = watched.verdict or "inconclusive"
        apart = ratio(watched.worse, measures)
        if apart is None:
            return Finding(
                self.subject.name, measure.name, verdict, "rounds", "the time was up", measure.unit, measure.better
            )
        sign = 1 if measure.better == "lower" else -1
        typical = math.exp(fmean(map(math.log, values)))
        rounds = len(values)
        return Finding(
            cell=self.subject.name,
            metric=measure.name,
            result=verdict,
            stage="rounds",
            why=_why(verdict, apart, rounds, early=watched.verdict is None),
            unit=measure.unit,
            better=measure.better,
            scale="log",
            base=Interval(typical, None, None, rounds),
            head=Interval(typical * apart.value**sign, None, None, rounds),
            smallest=typical * apart.smallest**sign,
        )


def _findings(records: Sequence[_Record]) -> list[Finding]:
    """Those of all subjects that base has."""
    known = [record for record in records if not record.is_new]
    measures = sum(len(record.watched) for record in known)
    return [finding for record in known for finding in record.findings(measures)]


def _why(verdict: Verdict, apart: Ratio, rounds: int, *, early: bool) -> str:
    """The ratio with its interval, turned so that above 1 is worse, and what follows."""
    told = f"head's cost is x {apart.value:.3f} [{apart.low:.3f}, {apart.high:.3f}] over {rounds} rounds"
    reason = "the time was up" if early else _WHY[verdict]
    return f"{reason}: {told}" if reason else told
