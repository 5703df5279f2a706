"""A baseline's cells against new results: what is missing, failed or not comparable, what is the same, what to test."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from condbench.combinations import Identity, identity_of
from condbench.gate import digests
from condbench.gate.baseline import Baseline, BaselineCell, GatedMetric, gated, round_value
from condbench.gate.comparability import obstacle
from condbench.gate.decision import FIRST, Decision, Errors, Evidence, decide
from condbench.gate.outcome import Finding, Result, Stage
from condbench.results import CellResult
from condbench.statistics import over_seeds, scale_of
from condbench.statistics.scales import from_scale, to_scale
from condbench.store import Run

_LIMIT = 2.0  # a check that would not see a FID twice as large, or a fall of accuracy by a tenth, passes nothing
_FALL = 0.1
_ANY = 20.0  # on the scale: what is only seen when it is larger by e to the 20 is not seen


@dataclass(frozen=True)
class Head:
    """What a new revision made of a cell: the results of its seeds, whichever way they ended, and where they lie.

    ``missing`` counts planned seeds that have not ended; ``final`` is False where the check saw no need of more seeds
    (`condbench.gate.decision`).
    """

    run: Run
    results: tuple[CellResult, ...]
    missing: int = 0
    final: bool = True

    def values(self, metric: str) -> dict[int, float]:
        """The metric's values by seed, as a baseline would hold them; a seed without one is left out."""
        rows = {result.provenance.cell.seed: result.metric(metric) for result in self.results}
        return {seed: round_value(row.value) for seed, row in rows.items() if row and row.value is not None}


def heads(run: Run) -> dict[Identity, Head]:
    """The results of a run by combination; those that have none yet are left out."""
    found: dict[Identity, list[CellResult]] = {}
    for result in run.results():
        found.setdefault(identity_of(result.provenance.cell), []).append(result)
    seeds = Counter(identity_of(planned.cell) for planned in run.plan)
    return {
        identity: Head(run, tuple(results), missing=seeds[identity] - len(results))
        for identity, results in found.items()
    }


@dataclass
class Judgement:
    """Findings that need no test, and the tests of all else; ``findings`` decides over all of them at once."""

    settled: list[Finding] = field(default_factory=list)
    open: list[tuple[Trial, Evidence]] = field(default_factory=list)

    def findings(self, errors: Errors) -> list[Finding]:
        """Every finding, by cell."""
        decisions = decide([evidence for _, evidence in self.open], errors)
        tested = [trial.finding(decision) for (trial, _), decision in zip(self.open, decisions, strict=True)]
        return sorted([*self.settled, *tested], key=lambda finding: (finding.cell, finding.metric))


@dataclass(frozen=True)
class Trial:
    """A metric of a cell with the values of both sides, of which the first ``paired`` belong together."""

    cell: str
    metric: GatedMetric
    base: tuple[float, ...]
    head: tuple[float, ...]
    stage: Stage
    n: int | None
    paired: int
    missing: int = 0

    def evidence(self, *, final: bool = True) -> Evidence:
        """The values on their scale, turned so that larger is worse.

        Raises:
            ValueError: if a value has no place on the scale; the message is the reason in words.
        """
        scale = scale_of(self.metric.name, self.metric.unit)
        sign = self._sign
        base, head = to_scale(self.base, scale, self.n), to_scale(self.head, scale, self.n)
        noise, visible = 0.0, math.log(_LIMIT)
        if scale == "logit":
            typical = from_scale(sum(base) / len(base), scale)
            visible = abs(to_scale([max(typical - _FALL, typical / 2)], scale)[0] - to_scale([typical], scale)[0])
            noise = sum(_noise(value, self.n) for value in self.base) / len(self.base) if self.n else 0.0
        before, after = (tuple(sign * value for value in side) for side in (base, head))
        return Evidence(before, after, visible, noise, final, self.paired)

    def finding(self, decision: Decision | None = None, why: str = "") -> Finding:
        """What was found: a decision, or that the values are the same (``decision`` is None)."""
        scale = scale_of(self.metric.name, self.metric.unit)
        result: Result = decision.verdict if decision else "pass"
        why = decision.why if decision else why
        if decision and result == "pass" and self.missing:
            result, why = "inconclusive", f"{self.missing} of its planned seeds have not ended"
        smallest = None
        if decision is not None and decision.smallest < _ANY:
            base = to_scale(self.base, scale, self.n)
            smallest = from_scale(sum(base) / len(base) + self._sign * decision.smallest, scale)
        return Finding(
            cell=self.cell,
            metric=self.metric.name,
            result=result,
            stage=self.stage,
            why=why,
            unit=self.metric.unit,
            better=self.metric.better,
            scale=scale,
            base=over_seeds(self.base, scale, self.n),
            head=over_seeds(self.head, scale, self.n),
            smallest=smallest,
            decision=decision,
        )

    @property
    def _sign(self) -> float:
        return 1.0 if self.metric.better == "lower" else -1.0


def judge(baseline: Baseline, new: Mapping[Identity, Head], cells: Sequence[BaselineCell]) -> Judgement:
    """The ``cells`` of a baseline against what the new revision made of them."""
    found = Judgement()
    for cell in cells:
        head = new.get(cell.identity)
        for metric in baseline.metrics:
            if metric.name in cell.seeds[0].values:
                _judge_one(found, baseline, cell, metric, head)
    return found


def _judge_one(
    found: Judgement, baseline: Baseline, cell: BaselineCell, metric: GatedMetric, head: Head | None
) -> None:
    """Settle a metric of a cell, or put it among what is to be tested."""
    if head is None:
        found.settled.append(Finding(cell.name, metric.name, "not comparable", "", "there is no result of this cell"))
        return
    if trouble := _trouble(baseline, cell, metric.name, head):
        result, why = trouble
        found.settled.append(Finding(cell.name, metric.name, result, "", why))
        return
    base, values = {seed.seed: seed.values[metric.name] for seed in cell.seeds}, head.values(metric.name)
    both = [seed for seed in base if seed in values]
    before, after = (tuple(side[seed] for seed in dict.fromkeys((*both, *side))) for side in (base, values))
    trial = Trial(cell.name, metric, before, after, "seeds", metric.n, len(both), head.missing)
    if same := same_samples(cell, metric.name, head):
        found.settled.append(replace(trial, stage="same samples").finding(why=same))
        return
    if head.final and len(trial.head) < FIRST:
        why = f"a test needs {FIRST} seeds, better ten, and there {'is 1' if len(trial.head) == 1 else 'are 2'}"
        found.settled.append(replace(trial.finding(why=why), result="inconclusive"))
        return
    try:
        found.open.append((trial, trial.evidence(final=head.final)))
    except ValueError as reason:
        found.settled.append(Finding(cell.name, metric.name, "failed", "seeds", f"{metric.name}: {reason}"))


def _trouble(
    baseline: Baseline, cell: BaselineCell, metric: str, head: Head
) -> tuple[Literal["failed", "not comparable"], str] | None:
    """Why a metric of a cell cannot be tested, if it cannot."""
    if ended := [result for result in head.results if result.state != "ok"]:
        first = ended[0]
        if first.state == "skipped":
            return "not comparable", f"it is skipped now: {first.reason}"
        return "failed", f"{len(ended)} of {len(head.results)} seeds {first.state}: {first.reason}"
    for result in head.results:
        base = baseline.provenance(cell, result.provenance.cell.seed)
        if why := obstacle(base, gated(result.provenance), metric):
            return "not comparable", why
    values = head.values(metric)
    for result in head.results:
        if result.provenance.cell.seed not in values:
            row = result.metric(metric)
            return "failed", f"{metric} has no value: {row.reason if row else 'it was not measured'}"
    return None


def same_samples(cell: BaselineCell, metric: str, head: Head) -> str:
    """What says that a new revision draws the very same samples and measures the same; empty if nothing does."""
    base, values = {seed.seed: seed for seed in cell.seeds}, head.values(metric)
    for result in head.results:
        seed = result.provenance.cell.seed
        before = base.get(seed)
        if before is None or not before.samples or before.values.get(metric) != values.get(seed):
            return ""
        if before.samples != digests.of_samples(head.run, result.name):
            return ""
    count = len(head.results)
    return f"{count} seed{'' if count == 1 else 's'}, to the bit"


def _noise(share: float, n: int) -> float:
    """The variance of the logit of a share of n samples (Woolf 1955), no less than half a sample off 0 and 1."""
    share = min(max(share, 0.5 / n), 1 - 0.5 / n)
    return 1 / (n * share * (1 - share))
