"""What may be concluded from a run: ranks with their uncertainty, what differences are due to, and fronts.

`html` and `markdown` both render this; the statistics are the harness's (docs/statistics.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from condbench.combinations import KEY_METRICS, Combination, Metric, combinations, interval, metrics, obstacle
from condbench.comparing import Analysis, Comparison, compare_within
from condbench.specs import Better
from condbench.statistics import Standing, front
from condbench.store import Run

MORE_SEEDS = (
    "No combination has more than one seed, so no difference between two of them can be tested: run more seeds, "
    "e.g. with --seeds 5."
)

FRONTS = (
    "By the typical values as they are: what is dominated by less than its interval may be on the front as well, so "
    "read the ranks before calling one better."
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
    """All that the key metrics of a run say of its combinations.

    ``alone`` says that no combination has a second seed; ``untold`` is what else cannot be said and why, in sentences.
    """

    comparisons: tuple[Comparison, ...]
    fronts: tuple[Front, ...]
    alone: bool
    untold: tuple[str, ...]

    @property
    def ranked(self) -> tuple[Comparison, ...]:
        """The metrics in which combinations were tested against each other, or would have been but for a reason."""
        return tuple(c for c in self.comparisons if c.rankings or (c.left_out and not self.alone))

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
    untold = [text for c in comparisons for analysis in c.analyses for text in analysis.untold(c.metric)]
    fronts = []
    for dataset in dict.fromkeys(member.dataset for member in members):
        here = [member for member in members if member.dataset == dataset]
        for quality, cost in product(_QUALITY, _COST):
            found = _front(dataset, here, quality, cost)
            if isinstance(found, Front):
                fronts.append(found)
            elif found:
                untold.append(found)
    alone = all(len(member.results) == 1 for member in members)
    said = Conclusions(comparisons, tuple(fronts), alone, tuple(untold))
    return said if said.ranked or said.analysed or said.fronts else None


def _front(
    dataset: str, members: Sequence[Combination], quality: tuple[str, Better], cost: tuple[str, Better]
) -> Front | str:
    """The front in two metrics; or why there is none, empty where fewer than two have both, or all cost the same."""
    names = (quality[0], cost[0])
    having = [member for member in members if all(member.rows(name) for name in names)]
    for name, better in (quality, cost) if having else ():
        if why := obstacle(having, _metric(having[0], name, better)):
            return f"There is no front of {quality[0]} against {cost[0]} on {dataset}: {why}."
    points = {member.name: (_typical(member, quality), _typical(member, cost)) for member in having}
    costs = [at[1] for at in points.values()]
    if len(points) < 2 or min(costs) <= 0 or max(costs) / min(costs) < _SPREAD:
        return ""
    return Front(dataset, names, front(points, (quality[1], cost[1])))


def _typical(member: Combination, metric: tuple[str, Better]) -> float:
    return interval(member.rows(metric[0]).values(), _metric(member, *metric).scale).value


def _metric(member: Combination, name: str, better: Better) -> Metric:
    """A metric that a combination has, as a front looks at it."""
    row = next(iter(member.rows(name).values()))
    return Metric(name, row.unit, better)


def percent(share: float) -> str:
    """A share of variance in whole percent."""
    return f"{share:.0%}"
