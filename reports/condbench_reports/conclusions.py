"""What may be concluded from a run: ranks with their uncertainty, what differences are due to, and fronts.

`html` and `markdown` both render this; the statistics are the harness's (docs/statistics.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from condbench.combinations import KEY_METRICS, Combination, Metric, combinations, interval, metrics
from condbench.comparing import Analysis, Comparison, compare_within
from condbench.specs import Better
from condbench.statistics import Scale, Standing, front
from condbench.store import Run

EFFECTS: dict[Scale, str] = {"log": "factor", "logit": "odds ratio", "identity": "difference"}
"""What an effect is on each scale."""

MORE_SEEDS = (
    "No combination has more than one seed, so no difference between two of them can be tested: run more seeds, "
    "e.g. with --seeds 5."
)

_QUALITY: tuple[tuple[str, Better], ...] = (("fid", "lower"), ("label_accuracy", "higher"))
_COST: tuple[tuple[str, Better], ...] = (("sampling_throughput", "higher"), ("training_flops", "lower"))
_SPREAD = 1.05  # costs less than that apart are the same budget, and no trade-off


@dataclass(frozen=True)
class Front:
    """The combinations of a dataset in two metrics: which of them nothing beats in both."""

    dataset: str
    metrics: tuple[str, str]
    standings: tuple[Standing, ...]

    @property
    def best(self) -> tuple[Standing, ...]:
        """Those on the front, the best in the first metric first."""
        return tuple(standing for standing in self.standings if standing.on_front)


@dataclass(frozen=True)
class Conclusions:
    """All that the key metrics of a run say of its combinations."""

    comparisons: tuple[Comparison, ...]
    fronts: tuple[Front, ...]

    @property
    def ranked(self) -> tuple[Comparison, ...]:
        """The metrics in which combinations were tested against each other, which takes several seeds."""
        return tuple(comparison for comparison in self.comparisons if comparison.rankings)

    @property
    def analysed(self) -> tuple[tuple[Comparison, Analysis], ...]:
        """The metrics whose differences could be divided up, on each dataset."""
        return tuple((c, analysis) for c in self.comparisons for analysis in c.analyses if analysis.result)


def conclusions(run: Run) -> Conclusions | None:
    """What a run says; None where that is nothing, e.g. where fewer than two of its combinations ended ok."""
    members = [combination for combination in combinations(run).values() if combination.results]
    if len(members) < 2:
        return None
    measured = metrics(members)
    comparisons = tuple(compare_within(measured[name], members) for name in KEY_METRICS if name in measured)
    datasets = dict.fromkeys(member.dataset for member in members)
    found = (
        _front(dataset, [member for member in members if member.dataset == dataset], quality, cost)
        for dataset in datasets
        for quality in _QUALITY
        for cost in _COST
    )
    said = Conclusions(comparisons, tuple(each for each in found if each is not None))
    return said if said.ranked or said.analysed or said.fronts else None


def _front(
    dataset: str, members: Sequence[Combination], quality: tuple[str, Better], cost: tuple[str, Better]
) -> Front | None:
    """The front in two metrics; None where fewer than two combinations have both, or all cost the same."""
    names = (quality[0], cost[0])
    points = {
        member.name: (_typical(member, quality), _typical(member, cost))
        for member in members
        if all(member.rows(name) for name in names)
    }
    costs = [at[1] for at in points.values()]
    if len(points) < 2 or min(costs) <= 0 or max(costs) / min(costs) < _SPREAD:
        return None
    return Front(dataset, names, front(points, (quality[1], cost[1])))


def _typical(member: Combination, metric: tuple[str, Better]) -> float:
    rows = list(member.rows(metric[0]).values())
    return interval(rows, Metric(metric[0], rows[0].unit, metric[1]).scale).value


def percent(share: float) -> str:
    """A share of variance in whole percent."""
    return f"{share:.0%}"
