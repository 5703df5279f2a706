"""`condbench run --within 45m`: one compute budget for all cells, such that the whole run ends in the given time.

Every cell gets the same FLOPs, as in any table of condbench; what differs is how long they take. So each combination is
measured beforehand for a few steps and samples, and the budget is solved for: fixed costs plus FLOPs over rate, summed
over all cells, are the time that is left. Called by the driver.
"""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import Queue

from condbench.budget import Budget
from condbench.errors import UserError
from condbench.probing import Leg, Probe, Prober, Question
from condbench.results import PlannedCell, Settings

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")
_LEAST_STEPS = 20  # of training; with fewer nothing is learned, and rates are not those of the first steps
_PATIENCE = 3.0  # times the longest forecast, before a cell is given up
_REPORT_SECONDS, _REPORT_SECONDS_PER_CELL = 2.0, 0.03


def parse_duration(text: str) -> float:
    """Seconds of ``45m``, ``1h30m`` or ``90s``.

    Raises:
        UserError: for anything else, or nothing at all.
    """
    match = _DURATION.fullmatch(text.strip())
    seconds = (
        sum(float(part or 0) * _UNITS[unit] for part, unit in zip(match.groups(), "hms", strict=True)) if match else 0.0
    )
    if not seconds > 0:
        raise UserError(f"the time '{text}' cannot be read: write hours, minutes and seconds, e.g. 45m, 1h30m or 90s.")
    return seconds


@dataclass(frozen=True)
class Cost:
    """What a cell's life takes: ``fixed`` seconds and ``per_flop`` of its budget, for ``images_per_flop`` of training.

    Below ``least_flops`` it would learn nothing. ``error`` is why it will fail, where that was found out.
    """

    fixed: float
    per_flop: float
    images_per_flop: float
    least_flops: float
    error: str

    def seconds(self, flops: float) -> float:
        """The length of a life with this budget."""
        return self.fixed + flops * self.per_flop


@dataclass(frozen=True)
class Share:
    """What a cell gets: FLOPs, about how many images of training, and about how many seconds in all.

    ``error`` is why it will fail, where that was found out.
    """

    planned: PlannedCell
    flops: float
    images: float
    seconds: float
    error: str


def measure_costs(
    plan: Sequence[PlannedCell], probers: Sequence[Prober], report: Callable[[str], None]
) -> dict[str, Cost]:
    """What each cell that is not skipped costs, by name; seeds of one combination are measured once.

    Args:
        plan: the cells; their budget does not matter.
        probers: take the few steps, all at once: as many as cells will run at once, so that what is measured is as slow
            beside its neighbours as it will be.
        report: told each combination before it is measured.
    """
    pairs = {_pair(planned): planned for planned in reversed(plan) if not planned.skip}
    measured_with = {_backbone(planned): pair for pair, planned in pairs.items()}
    free: Queue[Prober] = Queue()
    for prober in probers:
        free.put(prober)

    def ask(pair: str) -> Probe:
        planned = pairs[pair]
        report(f"{planned.cell.backbone} x {planned.cell.conditioner}")
        prober = free.get()
        try:
            return prober.ask(Question(planned=planned, speed=True, measure=measured_with[_backbone(planned)] == pair))
        finally:
            free.put(prober)

    with ThreadPoolExecutor(len(probers)) as pool:
        probes = dict(zip(pairs, pool.map(ask, pairs), strict=True))
    for backbone, pair in list(measured_with.items()):
        sound = [other for other in pairs if _backbone(pairs[other]) == backbone and not probes[other].error]
        if probes[pair].error and sound:  # what cannot be built was not measured, but the others will be
            measured_with[backbone] = sound[-1]
            probes[sound[-1]] = ask(sound[-1])
    start_seconds = max(prober.start_seconds for prober in probers)
    costs = {}
    for planned in plan:
        if not planned.skip:
            measured = probes[measured_with[_backbone(planned)]]
            settings = planned.provenance.settings
            costs[planned.name] = _cost(probes[_pair(planned)], settings, start_seconds, measured)
    return costs


def _backbone(planned: PlannedCell) -> str:
    return f"{planned.cell.dataset.model_dump_json()} {planned.cell.backbone.model_dump_json()}"


def _pair(planned: PlannedCell) -> str:
    return f"{_backbone(planned)} {planned.cell.conditioner.model_dump_json()}"


def _cost(probe: Probe, settings: Settings, start_seconds: float, measured: Probe) -> Cost:
    again = len(settings.checkpoint_shares) + settings.redraws
    samplings = 1.0 + again
    if probe.guidable:  # a guided sample takes two evaluations
        samplings += 2.0 * len(settings.guidance_scales)
        again += len(settings.guidance_scales)
    fixed = (
        start_seconds
        + probe.build_seconds
        + sum(leg.counting_seconds - leg.seconds_per_step for leg in probe.legs)
        + samplings * settings.samples * probe.seconds_per_sample
        + probe.latency_seconds
        + measured.measuring_seconds
        + again * measured.again_seconds
    )

    def over_legs(of: Callable[[Leg], float]) -> float:
        return sum(leg.share * of(leg) / leg.flops_per_step for leg in probe.legs)

    return Cost(
        fixed=fixed,
        per_flop=over_legs(lambda leg: leg.seconds_per_step),
        images_per_flop=over_legs(lambda leg: leg.images_per_step),
        least_flops=max((_LEAST_STEPS * leg.flops_per_step / leg.share for leg in probe.legs), default=0.0),
        error=probe.error,
    )


def allot(
    costs: dict[str, Cost], plan: Sequence[PlannedCell], seconds: float, jobs: int = 1, spent: float = 0.0
) -> list[Share]:
    """Find the FLOPs that every cell gets so that all of them, ``jobs`` at once, and the report take ``seconds``.

    What was ``spent`` already, on measuring beforehand, is only told where the time is too short.
    A cell that cannot be built costs no training: it will fail by itself.

    Raises:
        UserError: if the time does not even suffice for building, sampling and measuring and a few steps of training.
    """
    rates = [cost.per_flop for cost in costs.values() if cost.per_flop]
    if not rates:
        first = plan[0]
        raise UserError(
            f"there is no cell to share the time out to: none of {len(plan)} can be trained, e.g. {first.name} "
            f"({first.skip or costs[first.name].error}): name other plugins with -b and -c, e.g. -b flow -c film."
        )

    def whole(flops: float) -> float:
        return makespan((cost.seconds(flops) for cost in costs.values()), jobs)

    left = seconds - _REPORT_SECONDS - _REPORT_SECONDS_PER_CELL * len(plan)
    least = max(cost.least_flops for cost in costs.values())
    if whole(least) > left:
        fixed, needed = (seconds - left + whole(flops) for flops in (0.0, least))
        raise UserError(
            f"{(spent + seconds) / 60:.1f} minutes are too short for {len(costs)} cells: finding out what they cost "
            f"takes {spent / 60:.1f} of them, building, sampling and measuring {fixed / 60:.1f}, and all of it with "
            f"training enough to learn anything {(spent + needed) / 60:.1f}: give more time, e.g. --within "
            f"{math.ceil((spent + needed) * 1.2 / 60)}m, or name fewer plugins with -b and -c."
        )
    enough, too_much = least, least + left / min(rates)
    while too_much / enough > 1.001:
        middle = math.sqrt(enough * too_much)
        if whole(middle) > left:
            too_much = middle
        else:
            enough = middle
    flops = _round_down(enough)
    return [
        Share(planned, flops, flops * cost.images_per_flop, cost.seconds(flops), cost.error)
        for planned in plan
        if (cost := costs.get(planned.name)) is not None
    ]


def makespan(lives: Iterable[float], jobs: int) -> float:
    """When the last of some lives ends, if each begins in its turn as soon as one of ``jobs`` places is free."""
    ends = [0.0] * jobs
    for seconds in lives:
        heapq.heapreplace(ends, ends[0] + seconds)
    return max(ends)


def _round_down(flops: float) -> float:
    """Two significant digits, so that the budget can be written down and given again."""
    unit = 10.0 ** (math.floor(math.log10(flops)) - 1)
    return float(f"{math.floor(flops / unit) * unit:.1e}")


def apply(plan: Sequence[PlannedCell], shares: Sequence[Share]) -> list[PlannedCell]:
    """The plan with every cell's budget and forecast; no cell is cut short by a limit that was meant for less.

    The limit is one for all: a run's cells have the same settings, or no baseline could be recorded of them.
    """
    budget = Budget(flops=shares[0].flops)
    forecasts = {share.planned.name: share.seconds for share in shares}
    patience = _PATIENCE * max(forecasts.values())
    allotted = []
    for planned in plan:
        cell = planned.cell.model_copy(update={"budget": budget})
        settings = planned.provenance.settings
        settings = settings.model_copy(update={"timeout_seconds": max(settings.timeout_seconds, patience)})
        provenance = planned.provenance.model_copy(update={"cell": cell, "settings": settings})
        forecast = forecasts.get(planned.name)
        allotted.append(planned.model_copy(update={"provenance": provenance, "forecast_seconds": forecast}))
    return allotted
