"""How often a check alarms and what it catches, by its own statistics on made seeds, thousands of checks at once.

``python -m tests.gate.simulation`` prints the tables of docs/regression.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from condbench.gate.decision import FIRST, MORE, PAIRS, compare, regressions, smallest_seen, suspicious
from condbench.gate.stages import TRAINED

Reals = NDArray[np.float64]

CELLS = 16
MEASURED = (0.102, 0.111, 0.015, 0.142, 0.094, 0.181, 0.102, 0.063, 0.041)
"""Standard deviations of log FID over five seeds of real cells: flow, gan and vae, each with cross-attention, film and
label-sampling, at 3e12 FLOPs (suite quick), measured in development. Those of logit accuracy were 0.08 to 0.31."""

ACCURACY, ITS_SPREAD, SAMPLES = 0.96, 0.2, 1996
_NOISE = 1 / (SAMPLES * ACCURACY * (1 - ACCURACY))


@dataclass(frozen=True)
class Checks:
    """Of many simulated checks: the share with any alarm, that in which the worse cell is among them, and the price.

    ``trained`` is how many cells a check trains on average, seeds counted singly.
    """

    alarm: float
    caught: float
    trained: float


def simulate(
    times: int,
    *,
    worse: float = 1.0,
    everywhere: bool = False,
    spread: float | Reals = 0.1,
    new_spread: float | None = None,
    together: float = 0.0,
    seeds: int = 10,
    cells: int = CELLS,
    seed: int = 0,
) -> Checks:
    """Checks of ``cells`` cells in FID and label accuracy, as `condbench.gate.retraining` goes about it.

    Args:
        times: how many checks.
        worse: the ratio of FIDs in the first cell; its accuracy stays.
        everywhere: the same in all cells.
        spread: how much seeds' log FID differs, or one for each cell.
        new_spread: the same after the change, if it is another.
        together: the share of the spread's variance that a seed has in common before and after the change.
        seeds: how many the baseline has.
        cells: how many there are.
        seed: of the simulation.
    """
    rng = np.random.default_rng(seed)
    moved = np.where(np.arange(cells) < (cells if everywhere else 1), math.log(worse), 0.0)
    base = _seeds(rng, (times, cells, seeds), np.zeros(cells), spread)
    head = _seeds(rng, (times, cells, FIRST + MORE), moved, spread if new_spread is None else new_spread)
    if together:  # of FID; accuracies stay apart
        common = rng.normal(size=(times, cells, max(seeds, FIRST + MORE))) * np.broadcast_to(spread, cells)[:, None]
        for side, mean in ((base, np.zeros(cells)), (head, moved)):
            own = (side[:, :, 0] - mean[:, None]) * math.sqrt(1 - together)
            side[:, :, 0] = mean[:, None] + own + math.sqrt(together) * common[..., : side.shape[-1]]
    noise = np.array([0.0, _NOISE])
    closer = suspicious(base, head[..., :FIRST], noise).any(-1)
    found = compare(base, head, noise, paired=min(seeds, FIRST + MORE))
    no_worse, margin = (np.where(closer[..., None], found.p(by), 1.0) for by in (0.0, math.log(1.05)))
    alarms = np.zeros((times, cells * 2), bool)
    able = no_worse.min((1, 2)) < TRAINED.no_worse  # in the others nothing can be rejected
    if able.any():
        flat = no_worse.reshape(times, -1)[able], margin.reshape(times, -1)[able]
        alarms[able] = regressions(*flat, TRAINED)
    return Checks(
        alarm=float(alarms.any(1).mean()),
        caught=float(alarms[:, 0].mean()),
        trained=cells * FIRST + MORE * float(closer.sum(1).mean()),
    )


def _seeds(rng: np.random.Generator, shape: tuple[int, int, int], moved: Reals, spread: float | Reals) -> Reals:
    """Log FID and logit inaccuracy of trainings: (times, cells, 2, seeds). Hits are counted, as a judge does."""
    fid = moved[:, None] + rng.normal(size=shape) * np.broadcast_to(spread, shape[1])[:, None]
    logit = rng.normal(math.log(ACCURACY / (1 - ACCURACY)), ITS_SPREAD, shape)
    hits = rng.binomial(SAMPLES, 1 / (1 + np.exp(-logit))).clip(0.5, SAMPLES - 0.5)
    return np.stack([fid, np.log((SAMPLES - hits) / hits)], 2)


def smallest(spread: float, base: int, head: int, cells: int) -> float:
    """The smallest ratio of FIDs that is seen four times out of five, with as many seeds on either side."""
    error = spread * math.sqrt(1 / base + 1 / head)
    return math.exp(float(smallest_seen(error, base + head - 2.0, 2 * cells, TRAINED.part(1 - PAIRS))))


def main() -> None:
    """Print both tables."""
    times = 4000
    print("| in 16 cells | spread | checks that alarm | that catch it | trainings |\n|---|---:|---:|---:|---:|")
    measured = np.resize(MEASURED, CELLS)
    lines: list[tuple[str, str, Checks]] = [
        ("nothing changed", "as measured", simulate(times, spread=measured)),
        ("nothing changed", "0.5", simulate(times, spread=0.5)),
        ("everything 5 % worse", "0.02", simulate(times, spread=0.02, worse=1.05, everywhere=True)),
        *(
            (f"one FID {share} % worse", f"{spread}", simulate(times, spread=spread, worse=1 + share / 100))
            for share, spread in ((20, 0.05), (20, 0.1), (30, 0.1), (50, 0.1), (50, 0.15), (100, 0.3))
        ),
        *(
            (what, "0.15, nine tenths in common", simulate(times, spread=0.15, together=0.9, worse=worse))
            for what, worse in (("nothing changed", 1.0), ("one FID 20 % worse", 1.2), ("one FID 30 % worse", 1.3))
        ),
    ]
    for what, spread, found in lines:
        caught = "" if "one" not in what else f"{found.caught:.3f}"
        print(f"| {what} | {spread} | {found.alarm:.4f} | {caught} | {found.trained:.0f} |")
    print("\n| seeds of the baseline | cells | spread 0.05 | 0.1 | 0.15 | 0.3 |\n|---:|---:|---:|---:|---:|---:|")
    for base, cells in ((5, 16), (10, 1), (10, 4), (10, 16), (10, 64), (20, 16), (40, 16)):
        ratios = [f"{smallest(spread, base, FIRST + MORE, cells):.2f}" for spread in (0.05, 0.1, 0.15, 0.3)]
        print(f"| {base} | {cells} | {' | '.join(ratios)} |")


if __name__ == "__main__":
    main()
