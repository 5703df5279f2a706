"""How much of a metric is due to the backbone, to the conditioner, to how they go together, and to the seed.

A two-way analysis of variance on the metric's scale, unbalanced and with holes, and what each conditioner changes on
average over the backbones that it works with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from condbench.statistics.intervals import LEVEL, ROUNDING, t_quantile
from condbench.statistics.scales import Scale, to_scale

if TYPE_CHECKING:
    from statsmodels.regression.linear_model import RegressionResultsWrapper

Floats = NDArray[np.float64]

_DRAWS = 1000

EFFECTS: dict[Scale, str] = {"log": "factor", "logit": "odds ratio", "identity": "difference"}
"""What an `Effect` is on each scale, in words."""


@dataclass(frozen=True)
class Observation:
    """A metric of one training."""

    backbone: str
    conditioner: str
    value: float


@dataclass(frozen=True)
class Share:
    """A part of the variance: omega squared with its 95 % interval, and the p-value of its F test against the noise.

    The noise itself has neither freedom nor p-value of its own to test.
    """

    source: str
    value: float
    low: float
    high: float
    freedom: int
    p: float | None


@dataclass(frozen=True)
class Effect:
    """What a conditioner changes against the mean of a backbone's conditioners, over the backbones it works with.

    A factor on the log scale, an odds ratio on the logit scale, else a difference; with its 95 % interval.
    """

    conditioner: str
    backbones: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Factorial:
    """The analysis of one metric; ``notes`` says what it cannot tell, and why."""

    scale: Scale
    trainings: int
    cells: int
    shares: tuple[Share, ...]
    effects: tuple[Effect, ...]
    notes: tuple[str, ...]


def factorial(observations: Sequence[Observation], scale: Scale, n: int | None = None) -> Factorial:
    """Analyse a metric over backbone x conditioner.

    Sums of squares are of type II, each main effect given the other: with holes, what type III tests depends on which
    cells are empty (Langsrud 2003, "ANOVA for unbalanced data: use type II instead of type III sums of squares").

    Args:
        observations: one per training, of two or more backbones and conditioners.
        scale: where values are normal, see `condbench.statistics.scale_of`.
        n: of how many samples a share is.

    Raises:
        ValueError: where there is nothing to analyse, in words.
    """
    table = _Table(observations, scale, n)
    if min(len(table.backbones), len(table.conditioners)) < 2:
        raise ValueError("it takes two backbones and two conditioners")
    sources, residual, freedom = table.sums_of_squares()
    same = freedom < 1 or table.same(residual / freedom)
    if same and not table.repeated:
        raise ValueError("there is nothing left to tell noise by: run more seeds")
    if same:
        raise ValueError("trainings of one cell have the same value, so there is no noise to compare with")
    notes = []
    if not table.repeated:
        notes.append(
            "One seed per cell: the interaction cannot be told from what seeds differ by, so both are in 'the rest'."
        )
    elif table.single:
        notes.append(f"{table.single} of {len(table.counts)} cells have one seed; they borrow the others' spread.")
    shares = _shares(sources, residual, freedom, len(observations), "seed" if table.repeated else "the rest")
    effects, rigid = table.effects(residual / freedom, freedom)
    if rigid:
        notes.append(f"Not told: what {', '.join(rigid)} changes, since all seeds of a cell have the same value there.")
    return Factorial(scale, len(observations), len(table.counts), shares, effects, tuple(notes))


class _Table:
    """Observations on their scale, by cell."""

    def __init__(self, observations: Sequence[Observation], scale: Scale, n: int | None) -> None:
        self.scale = scale
        self.y = np.array(to_scale([o.value for o in observations], scale, n))
        self.backbones = list(dict.fromkeys(o.backbone for o in observations))
        self.conditioners = list(dict.fromkeys(o.conditioner for o in observations))
        pairs = [(o.backbone, o.conditioner) for o in observations]
        self.cells = list(dict.fromkeys(pairs))
        self.of_backbone = _indicators([b for b, _ in pairs], self.backbones)
        self.of_conditioner = _indicators([c for _, c in pairs], self.conditioners)
        self.of_cell = _indicators(pairs, self.cells)
        self.counts = self.of_cell.sum(axis=0)
        self.single = int((self.counts == 1).sum())
        self.repeated = self.single < len(self.cells)

    def same(self, variance: float) -> bool:
        """Whether noise of that variance is the rounding of equal values."""
        return bool(np.sqrt(variance) <= ROUNDING * np.abs(self.y).max())

    def sums_of_squares(self) -> tuple[dict[str, tuple[float, int]], float, int]:
        """Each source's sum of squares and degrees of freedom; then the noise's."""
        backbone, conditioner = self._fit(self.of_backbone), self._fit(self.of_conditioner)
        both = self._fit(np.hstack([self.of_backbone, self.of_conditioner[:, 1:]]))
        full = self._fit(self.of_cell) if self.repeated else both
        sources = {"backbone": _gain(conditioner, both), "conditioner": _gain(backbone, both)}
        if self.repeated:
            sources["interaction"] = _gain(both, full)
        return sources, float(full.ssr), int(full.df_resid)

    def _fit(self, design: Floats) -> RegressionResultsWrapper:
        from statsmodels.regression.linear_model import OLS

        if np.linalg.matrix_rank(design) < design.shape[1]:
            raise ValueError("with these holes some backbones have no conditioner in common with the others")
        return OLS(self.y, design).fit()

    def effects(self, pooled: float, freedom: int) -> tuple[tuple[Effect, ...], list[str]]:
        """Each conditioner's mean deviation from its backbones' means, a contrast of the cells' means.

        Its degrees of freedom are Satterthwaite's (1946), so that cells may differ in their spread; cells of one seed
        have the spread ``pooled``, known with ``freedom`` degrees. Conditioners whose contrast has no spread at all,
        and so no interval, are named instead.
        """
        means = self.y @ self.of_cell / self.counts
        several = self.counts > 1
        degrees = np.where(several, self.counts - 1, 1)
        variances = ((self.y - self.of_cell @ means) ** 2) @ self.of_cell / degrees / self.counts
        found, rigid = [], []
        for conditioner in self.conditioners:
            weights, backbones = self._contrast(conditioner)
            if not backbones:
                continue
            parts = (weights**2 * variances)[several]
            borrowed = (weights**2)[~several].sum() * pooled
            error = parts.sum() + borrowed
            if self.same(error):
                rigid.append(conditioner)
                continue
            degrees_of_error = error**2 / ((parts**2 / degrees[several]).sum() + borrowed**2 / freedom)
            value, half = weights @ means, t_quantile(degrees_of_error) * np.sqrt(error)
            ends = [_as_effect(end, self.scale) for end in (value, value - half, value + half)]
            found.append(Effect(conditioner, backbones, *ends))
        return tuple(found), rigid

    def _contrast(self, conditioner: str) -> tuple[Floats, int]:
        """Weights of the cells, and over how many backbones: those with this conditioner and another."""
        weights, backbones = np.zeros(len(self.cells)), 0
        for backbone in self.backbones:
            row = np.array([b == backbone for b, _ in self.cells])
            own = row & np.array([c == conditioner for _, c in self.cells])
            if own.any() and row.sum() > 1:
                weights += own - row / row.sum()
                backbones += 1
        return weights / max(backbones, 1), backbones


def _indicators(values: Sequence[object], levels: Sequence[object]) -> Floats:
    return np.array([[value == level for level in levels] for value in values], dtype=np.float64)


def _gain(smaller: RegressionResultsWrapper, larger: RegressionResultsWrapper) -> tuple[float, int]:
    """What the larger of two nested models explains beyond the smaller, and with how many degrees of freedom."""
    return max(float(smaller.ssr - larger.ssr), 0.0), int(smaller.df_resid - larger.df_resid)


def _as_effect(value: float, scale: Scale) -> float:
    return float(value) if scale == "identity" else float(np.exp(value))


def _shares(
    sources: dict[str, tuple[float, int]], residual: float, freedom: int, trainings: int, noise: str
) -> tuple[Share, ...]:
    """Omega squared of each source and of the noise.

    In units of the noise's variance, a source's sum of squares is a noncentral chi-square. Its noncentrality is drawn
    from the confidence distribution, jointly with the noise's variance that all sources share: a generalised interval
    (Weerahandi 1993), which for one source alone is the one from the noncentral F.
    """
    from scipy.special import fdtrc

    sources = {name: source for name, source in sources.items() if source[1] > 0}
    spread = residual / freedom
    estimates = [max(squares / spread - degrees, 0.0) for squares, degrees in sources.values()]
    rng = np.random.default_rng(0)
    scaled = rng.chisquare(freedom, _DRAWS) / residual
    drawn = np.array(
        [_noncentrality(squares * scaled, degrees, rng.uniform(size=_DRAWS)) for squares, degrees in sources.values()]
    )
    tail = (1 - LEVEL) / 2
    found = []
    for index, (name, (squares, degrees)) in enumerate(sources.items()):
        low, high = np.quantile(drawn[index] / (drawn.sum(axis=0) + trainings), [tail, 1 - tail])
        p = float(fdtrc(degrees, freedom, squares / degrees / spread))
        found.append(Share(name, estimates[index] / (sum(estimates) + trainings), float(low), float(high), degrees, p))
    low, high = np.quantile(trainings / (drawn.sum(axis=0) + trainings), [tail, 1 - tail])
    found.append(Share(noise, trainings / (sum(estimates) + trainings), float(low), float(high), freedom, None))
    return tuple(found)


def _noncentrality(statistic: Floats, freedom: int, probability: Floats) -> Floats:
    """The noncentrality under which a chi-square is below ``statistic`` with that probability; 0 where none is.

    By bisection on Sankaran's (1959) normal approximation; scipy's exact inverse would take a hundred times as long. In
    probability it is off by less than 0.01 for statistics from 2 on, and by up to 0.06 for those of next to nothing,
    whose noncentrality, and so the share, is small either way.
    """
    from scipy.special import ndtri

    z = ndtri(probability)
    low, high = np.zeros_like(statistic), (np.sqrt(statistic) + np.abs(z) + 3) ** 2
    for _ in range(40):
        middle = (low + high) / 2
        too_small = _sankaran(statistic, freedom, middle) > z
        low, high = np.where(too_small, middle, low), np.where(too_small, high, middle)
    return np.where(_sankaran(statistic, freedom, np.zeros(1)) <= z, 0.0, high)


def _sankaran(statistic: Floats, freedom: int, noncentrality: Floats) -> Floats:
    """A noncentral chi-square as a standard normal variable."""
    mean, spread = freedom + noncentrality, freedom + 2 * noncentrality
    h = 1 - 2 * mean * (freedom + 3 * noncentrality) / (3 * spread**2)
    p, m = spread / mean**2, (h - 1) * (1 - 3 * h)
    centre = 1 + h * p * (h - 1 - (2 - h) * m * p / 2)
    return ((statistic / mean) ** h - centre) / (h * np.sqrt(2 * p) * (1 + m * p / 2))
