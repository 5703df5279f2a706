"""What must agree for a cell to be held against its baseline, and what may differ, since it is what is being tested."""

from __future__ import annotations

from condbench.provenance import differences
from condbench.results import Provenance


def obstacle(base: Provenance, head: Provenance, metric: str) -> str:
    """Why a metric of a new result cannot be held against the baseline, with both sides; empty if it can.

    The data, the budget, how cells are trained and sampled, and the networks that judge must agree. Sources, versions
    and the defaults of options may differ: they are what changed. So may the machine, unless the budget is in seconds.
    """
    for what, before, now in _conditions(base, head, metric):
        if before != now:
            return f"{what}: {before or 'none'} in the baseline, {now or 'none'} now"
    return ""


def changed(base: Provenance, head: Provenance) -> list[str]:
    """All that differs from what a baseline's result depended on, a sentence each; empty where nothing does.

    Libraries that only the baseline names were those of a plugin that has no part in these cells any more.
    """
    libraries = {name: version for name, version in base.libraries.items() if name in head.libraries}
    seed = base.cell.model_copy(update={"seed": head.cell.seed})
    return differences(base.model_copy(update={"libraries": libraries, "cell": seed}), head)


def _conditions(base: Provenance, head: Provenance, metric: str) -> list[tuple[str, str, str]]:
    """What must agree, with how it was and how it is."""
    sides = [_of_one(base, metric), _of_one(head, metric)]
    timed = base.cell.budget.seconds is not None or head.cell.budget.seconds is not None
    if timed:
        for side, provenance in zip(sides, (base, head), strict=True):
            side["the budget is in seconds and the processors differ"] = provenance.processor
            side["the budget is in seconds and the threads per cell differ"] = str(provenance.settings.threads)
    return [(what, sides[0][what], sides[1][what]) for what in sides[0]]


def _of_one(provenance: Provenance, metric: str) -> dict[str, str]:
    settings = provenance.settings
    assets = [digest for name, digest in provenance.assets.items() if name.rpartition(":")[2] == metric]
    return {
        "the data differ": provenance.data,
        "the budgets differ": str(provenance.cell.budget),
        "the tracks differ": settings.track,
        "the sample counts differ": str(settings.samples),
        f"the weights that {metric} is measured with differ": "".join(assets),
        "the shares of dropped conditions differ": f"{settings.condition_dropout:g}",
        "the condition encoders differ": ", ".join(settings.encoders),
        "the kinds of device differ": settings.device.partition(":")[0],
        "the precisions differ": settings.precision,
    }
