"""The two-way analysis: coverage of its intervals, false alarms of its tests, and against statsmodels' own tables."""

from __future__ import annotations

import math
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from scipy.special import chndtr
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from condbench.statistics import Factorial, Observation, factorial
from condbench.statistics.factorial import _noncentrality
from tests.statistics.simulation import chance, holds, rate

BACKBONES, CONDITIONERS = ("flow", "gan", "vae"), ("film", "concat", "hyper", "none")
HOLES = {("gan", "concat"), ("vae", "hyper")}
BACKBONE = dict(zip(BACKBONES, (-0.8, 0.1, 0.7), strict=True))
CONDITIONER = dict(zip(CONDITIONERS, (-0.3, -0.1, 0.1, 0.3), strict=True))
CELLS = [(b, c) for b in BACKBONES for c in CONDITIONERS]


def typical(backbone: str, conditioner: str, interaction: float) -> float:
    """The log FID that a cell's seeds scatter about."""
    together = interaction * (1 if (backbone == "gan") == (conditioner == "film") else -1)
    return BACKBONE[backbone] + CONDITIONER[conditioner] + together


def drawn(
    rng: np.random.Generator,
    seeds: int = 3,
    *,
    effects: float = 1.0,
    interaction: float = 0.0,
    holes: bool = True,
    spread: dict[str, float] | None = None,
) -> list[Observation]:
    """FIDs of every cell; ``spread`` is what a conditioner's seeds differ by, 0.2 if not said."""
    return [
        Observation(b, c, math.exp(effects * typical(b, c, interaction) + rng.normal(0, (spread or {}).get(c, 0.2))))
        for b, c in CELLS
        if not (holes and (b, c) in HOLES)
        for _ in range(seeds)
    ]


def share(found: Factorial, source: str) -> tuple[float, float, float, float | None]:
    one = next(s for s in found.shares if s.source == source)
    return one.value, one.low, one.high, one.p


def test_without_holes_it_agrees_with_statsmodels_type_two_though_counts_differ() -> None:
    observations = drawn(np.random.default_rng(1), interaction=0.2, holes=False)[:-1]
    frame = pd.DataFrame([(o.backbone, o.conditioner, math.log(o.value)) for o in observations], columns=list("bcy"))
    table = anova_lm(ols("y ~ C(b) * C(c)", frame).fit(), typ=2)
    found = factorial(observations, "log")
    noise = table["sum_sq"]["Residual"] / table["df"]["Residual"]
    gains = {name: table["sum_sq"][row] - table["df"][row] * noise for name, row in ROWS.items()}
    total = sum(gains.values()) + len(observations) * noise
    for name, row in ROWS.items():
        value, _, _, p = share(found, name)
        assert (value, p) == pytest.approx((gains[name] / total, table["PR(>F)"][row]), rel=1e-6)
    assert sum(s.value for s in found.shares) == pytest.approx(1)


ROWS = {"backbone": "C(b)", "conditioner": "C(c)", "interaction": "C(b):C(c)"}


def test_noncentralities_are_scipys() -> None:
    for statistics, off in (([2.0, 8.0, 40.0, 900.0], 0.01), ([1e-3, 0.01, 0.1, 0.5], 0.06)):
        statistic, probability = (grid.ravel() for grid in np.meshgrid(statistics, np.linspace(0.02, 0.98, 25)))
        for freedom in (1, 4, 20):
            found = _noncentrality(statistic, freedom, probability)
            back = chndtr(statistic, freedom, found)
            # Where even none is too much for the probability there is no noncentrality, and 0 stands for it.
            assert np.where(found > 0, back, probability) == pytest.approx(probability, abs=off), freedom
            assert (chndtr(statistic, freedom, 0.0)[found == 0] < probability[found == 0] + off).all(), freedom


@pytest.mark.parametrize("spread, covered", [({}, 0.95), ({"hyper": 0.6}, 0.82)])
def test_shares_of_variance_cover_and_are_no_wider_than_need_be(spread: dict[str, float], covered: float) -> None:
    """Of a table with no holes, where each share is a plain sum over its cells; also where one conditioner's seeds
    differ three times as much, so that there is no single noise and that share above all is too sure of itself."""
    interaction = 0.1
    cells = np.array([[typical(b, c, interaction) for c in CONDITIONERS] for b in BACKBONES])
    of_b, of_c = cells.mean(axis=1, keepdims=True) - cells.mean(), cells.mean(axis=0, keepdims=True) - cells.mean()
    parts = {
        "backbone": float((of_b**2).mean()),
        "conditioner": float((of_c**2).mean()),
        "interaction": float(((cells - cells.mean() - of_b - of_c) ** 2).mean()),
        "seed": float(np.mean([spread.get(c, 0.2) ** 2 for c in CONDITIONERS])),
    }
    hits, widths = dict.fromkeys(parts, 0), dict.fromkeys(parts, 0.0)
    rng, times = np.random.default_rng(0), 120
    for _ in range(times):
        found = factorial(drawn(rng, interaction=interaction, holes=False, spread=spread), "log")
        for name, part in parts.items():
            _, low, high, _ = share(found, name)
            hits[name] += holds(low, part / sum(parts.values()), high)
            widths[name] += (high - low) / times
    print({name: f"{count / times:.3f} of {times}, {widths[name]:.2f} wide" for name, count in hits.items()})
    for name, count in hits.items():
        assert count / times >= covered - chance(covered, times), name
        assert widths[name] < 0.3, name


@pytest.fixture
def _few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """For p-values, which no draw has a part in."""
    monkeypatch.setattr(import_module("condbench.statistics.factorial"), "_DRAWS", 2)


def significant(times: int, **how: object) -> dict[str, float]:
    """How often the F test of each source says that there is something, in tables with holes."""
    rng = np.random.default_rng(0)
    tables = [factorial(drawn(rng, **how), "log") for _ in range(times)]  # type: ignore[arg-type]
    found = {s: sum((share(table, s)[3] or 0.0) < 0.05 for table in tables) / times for s in ROWS}
    print({source: f"{often:.3f} of {times}" for source, often in found.items()})
    return found


@pytest.mark.usefixtures("_few_draws")
def test_what_is_not_there_is_seldom_found() -> None:
    """F tests of pure noise with holes: each source is called significant 5 % of the time."""
    for source, often in significant(300, effects=0.0).items():
        assert often == pytest.approx(0.05, abs=chance(0.05, 300)), source


@pytest.mark.usefixtures("_few_draws")
def test_what_is_there_is_found() -> None:
    assert min(significant(40, interaction=0.2).values()) > 0.9


@pytest.mark.usefixtures("_few_draws")
def test_unequal_spreads_raise_false_alarms_as_the_page_says() -> None:
    """One conditioner's seeds differ three times as much, which a pooled noise does not know."""
    found = significant(300, effects=0.0, spread={"hyper": 0.6})
    assert found["conditioner"] == pytest.approx(0.12, abs=chance(0.12, 300))
    assert found["backbone"] == pytest.approx(0.05, abs=chance(0.05, 300))


def mean_effect(conditioner: str, interaction: float) -> float:
    """By hand: the mean over its backbones of its distance to the backbone's mean."""
    apart = []
    for b in BACKBONES:
        row = [c for c in CONDITIONERS if (b, c) not in HOLES]
        if conditioner in row:
            apart.append(typical(b, conditioner, interaction) - sum(typical(b, c, interaction) for c in row) / len(row))
    return math.exp(sum(apart) / len(apart))


@pytest.mark.usefixtures("_few_draws")
@pytest.mark.parametrize("spread", [{}, {"hyper": 0.6}])
def test_marginal_effects_cover_with_holes_and_unequal_spreads(spread: dict[str, float]) -> None:
    def covers(rng: np.random.Generator) -> bool:
        found = factorial(drawn(rng, interaction=0.2, spread=spread), "log")
        effect = next(e for e in found.effects if e.conditioner == "hyper")
        return holds(effect.low, mean_effect("hyper", 0.2), effect.high)

    assert rate(covers, 250) == pytest.approx(0.95, abs=chance(0.95, 250))


def test_one_seed_does_not_tell_the_interaction() -> None:
    found = factorial(drawn(np.random.default_rng(0), seeds=1), "log")
    assert [s.source for s in found.shares] == ["backbone", "conditioner", "the rest"]
    assert "cannot be told" in found.notes[0]
    assert sum(s.value for s in found.shares) == pytest.approx(1)


def test_a_lone_seed_among_several_borrows_a_spread() -> None:
    found = factorial(drawn(np.random.default_rng(0))[:-2], "log")
    assert "1 of 10 cells have one seed" in found.notes[0]
    assert all(math.isfinite(e.low) and e.low < e.value < e.high for e in found.effects)


def test_where_there_is_nothing_to_analyse_it_says_why() -> None:
    def cells(*pairs: tuple[str, str]) -> list[Observation]:
        return [Observation(b, c, 1.0 + seed) for b, c in pairs for seed in range(2)]

    for observations, why in (
        (cells(("a", "x"), ("a", "y")), "two backbones and two conditioners"),
        (cells(("a", "x"), ("b", "y")), "in common with the others"),
        ([Observation(b, c, 1.0) for b in "ab" for c in "xy"], "nothing left to tell noise by"),
    ):
        with pytest.raises(ValueError, match=why):
            factorial(observations, "log")


def test_trainings_that_are_all_the_same_leave_no_noise_to_compare_with() -> None:
    equal = [Observation(b, c, 0.9) for b in "ab" for c in "xy" for _ in range(3)]
    with pytest.raises(ValueError, match="no noise"):
        factorial(equal, "logit", 1996)


def test_a_conditioner_whose_cells_do_not_vary_is_named_and_the_others_keep_their_effects() -> None:
    """Of x only a's cells tell, and their seeds agree; 0 / 0 degrees of freedom are no interval."""
    rng = np.random.default_rng(0)
    fixed = [Observation("a", c, value) for c, value in (("x", 1.0), ("y", 2.0)) for _ in range(3)]
    loose = [Observation("b", c, math.exp(rng.normal())) for c in "yz" for _ in range(3)]
    found = factorial([*fixed, *loose], "log")
    assert [effect.conditioner for effect in found.effects] == ["y", "z"]
    assert all(math.isfinite(effect.low) and math.isfinite(effect.high) for effect in found.effects)
    assert found.notes[-1].startswith("Not told: what x changes")
