"""`--within`: one budget for all cells, such that everything together takes the time that was given."""

from __future__ import annotations

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condbench.allotment import allot, apply, makespan, measure_costs, parse_duration
from condbench.errors import UserError
from condbench.matrix import plan
from condbench.probing import Leg, Probe, Prober, Question
from condbench.registry import installed
from condbench.suite import changed, load_suite

PLAN = plan(
    changed(load_suite("smoke"), {"backbones": ["vae", "gan"], "conditioners": ["film", "adain"], "seeds": 2}),
    installed(),
    None,
)


@given(hours=st.integers(0, 99), minutes=st.integers(0, 999), seconds=st.integers(0, 9999))
def test_durations_are_read(hours: int, minutes: int, seconds: int) -> None:
    text = "".join(f"{n}{unit}" for n, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if n)
    if not text:
        return
    assert parse_duration(text) == hours * 3600 + minutes * 60 + seconds


@pytest.mark.parametrize("text", ["", "45", "m", "0m", "-5m", "45 minutes", "5s1m", "nan", "infs"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UserError, match="45m"):
        parse_duration(text)


class FakeProber:
    """Answers at once: two parts of training of different speed, and what else a life takes."""

    start_seconds = 3.0

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        self.asked: list[Question] = []

    def ask(self, question: Question) -> Probe:
        self.asked.append(question)
        slow = Leg(share=0.25, flops_per_step=1e9, images_per_step=10, seconds_per_step=0.1, counting_seconds=0.2)
        fast = Leg(share=0.75, flops_per_step=2e9, images_per_step=10, seconds_per_step=0.05, counting_seconds=0.1)
        return Probe(
            parameters=1,
            flops_per_image=1.0,
            build_seconds=1.0 * self.scale,
            legs=(slow, fast),
            seconds_per_sample=0.01,
            latency_seconds=4.0,
            measuring_seconds=2.0 if question.measure else 0.0,
            again_seconds=0.5 if question.measure else 0.0,
            guidable=question.planned.cell.backbone.name == "gan",
        )


def life(flops: float) -> float:
    """By hand: how long one of the fake's lives takes with 200 samples."""
    training = 0.25 * flops / 1e9 * 0.1 + 0.75 * flops / 2e9 * 0.05
    return 3 + 1 + (0.2 - 0.1) + (0.1 - 0.05) + 200 * 0.01 + 4 + 2 + training


def test_what_is_sampled_and_measured_again_is_paid_for() -> None:
    again = {"guidance": {"scales": [0.0, 3.0]}, "checkpoints": {"shares": [0.5]}, "redraws": {"count": 3}}
    wanted = {"backbones": ["vae", "gan"], "conditioners": ["film"]}
    with_them, without = (
        measure_costs(plan(changed(load_suite("smoke"), wanted | more), installed(), None), [FakeProber()], print)  # type: ignore[list-item]
        for more in (again, {})
    )
    sampling, measuring = 200 * 0.01, 0.5
    more = {name: with_them[name].fixed - without[name].fixed for name in without}
    assert more["mnist10k.vae.film.s0"] == pytest.approx(4 * (sampling + measuring))
    assert more["mnist10k.gan.film.s0"] == pytest.approx(4 * (sampling + measuring) + 2 * (2 * sampling + measuring))


@given(minutes=st.floats(2, 1000))
def test_the_lives_of_all_cells_fill_the_time(minutes: float) -> None:
    prober = FakeProber()
    costs = measure_costs(PLAN, [prober], lambda what: None)  # type: ignore[arg-type]
    running = [p for p in PLAN if not p.skip]
    assert set(costs) == {p.name for p in running} and len(running) == 6  # adain on vae is skipped
    assert len(prober.asked) == 3, "seeds of a combination are measured once"
    shares = allot(costs, PLAN, minutes * 60)
    assert len({share.flops for share in shares}) == 1, "all cells get the same compute"
    assert shares[0].seconds == pytest.approx(life(shares[0].flops))
    total = sum(share.seconds for share in shares)
    assert 0.85 * minutes * 60 - 10 <= total <= minutes * 60  # two digits of FLOPs, and the report's own time
    images = shares[0].flops * (0.25 / 1e9 + 0.75 / 2e9) * 10
    assert shares[0].images == pytest.approx(images)


@given(minutes=st.floats(2, 1000), jobs=st.integers(2, 5))
def test_cells_that_run_at_once_get_more(minutes: float, jobs: int) -> None:
    probers = [FakeProber() for _ in range(jobs)]
    costs = measure_costs(PLAN, probers, lambda what: None)  # type: ignore[arg-type]
    assert sum(len(prober.asked) for prober in probers) == 3
    shares = allot(costs, PLAN, minutes * 60, jobs)
    rounds = -(-6 // jobs)  # six lives of one length
    whole = makespan((share.seconds for share in shares), jobs)
    assert whole == pytest.approx(rounds * shares[0].seconds)
    assert 0.85 * minutes * 60 - 10 <= whole <= minutes * 60


@given(lives=st.lists(st.floats(0.1, 100), min_size=1, max_size=12), jobs=st.integers(1, 4))
def test_a_makespan_is_what_a_clock_would_say(lives: list[float], jobs: int) -> None:
    places = [0.0] * jobs
    for seconds in lives:
        first = places.index(min(places))
        places[first] += seconds
    assert makespan(lives, jobs) == pytest.approx(max(places))


def test_a_time_that_is_too_short_is_refused_with_one_that_is_not() -> None:
    costs = measure_costs(PLAN, [FakeProber()], lambda what: None)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="too short") as refusal:
        allot(costs, PLAN, 30)
    enough = str(refusal.value).split("--within ")[1].split(",")[0]
    allot(costs, PLAN, parse_duration(enough))


def test_the_plan_has_the_budget_and_the_forecast() -> None:
    costs = measure_costs(PLAN, [FakeProber()], lambda what: None)  # type: ignore[arg-type]
    shares = allot(costs, PLAN, 600)
    allotted = apply(PLAN, shares)
    assert [p.name for p in allotted] == [p.name for p in PLAN]
    assert {p.cell.budget.flops for p in allotted} == {shares[0].flops}
    assert {p.forecast_seconds is None for p in allotted if p.skip} == {True}
    assert {p.forecast_seconds for p in allotted if not p.skip} == {shares[0].seconds}


def test_all_cells_have_one_limit_of_time_three_times_the_longest_forecast_and_no_less_than_the_suites() -> None:
    """What is recorded as a baseline has one set of settings."""

    class Uneven(FakeProber):
        def ask(self, question: Question) -> Probe:
            self.scale = 60.0 if question.planned.cell.backbone.name == "gan" else 1.0
            return super().ask(question)

    def limits(prober: FakeProber, minutes: float) -> tuple[set[float], list[float]]:
        shares = allot(measure_costs(PLAN, [prober], lambda what: None), PLAN, minutes * 60)  # type: ignore[arg-type]
        forecasts = sorted(share.seconds for share in shares)
        return {planned.provenance.settings.timeout_seconds for planned in apply(PLAN, shares)}, forecasts

    found, forecasts = limits(Uneven(), 60)
    assert found == {3 * forecasts[-1]} and forecasts[-1] > forecasts[0] + 50
    assert limits(FakeProber(), 2)[0] == {planned.provenance.settings.timeout_seconds for planned in PLAN} == {120}


def test_a_combination_that_cannot_be_built_costs_the_others_nothing() -> None:
    class HalfBroken(FakeProber):
        def ask(self, question: Question) -> Probe:
            broken = question.planned.cell.backbone.name == "gan"
            return Probe(error="ValueError: no") if broken else super().ask(question)

    shares = allot(measure_costs(PLAN, [HalfBroken()], lambda what: None), PLAN, 600)  # type: ignore[arg-type]
    assert {share.planned.name: (share.images > 0, share.error) for share in shares} == {
        p.name: (True, "") if p.cell.backbone.name == "vae" else (False, "ValueError: no") for p in PLAN if not p.skip
    }

    class Broken(FakeProber):
        def ask(self, question: Question) -> Probe:
            return Probe(error="ValueError: no")

    with pytest.raises(UserError, match=r"no cell to share .*vae\.film\.s0 \(ValueError: no\).*-c film"):
        allot(measure_costs(PLAN, [Broken()], lambda what: None), PLAN, 600)  # type: ignore[arg-type]
    skipped = [planned for planned in PLAN if planned.skip]
    with pytest.raises(UserError, match=r"adain needs .*-c film"):
        allot(measure_costs(skipped, [Broken()], lambda what: None), skipped, 600)  # type: ignore[arg-type]


def test_what_measuring_takes_is_found_with_another_conditioner_where_the_first_cannot_be_built() -> None:
    class WithoutFilm(FakeProber):
        def ask(self, question: Question) -> Probe:
            broken = question.planned.cell.conditioner.name == "film"
            return Probe(error="ValueError: no") if broken else super().ask(question)

    shares = allot(measure_costs(PLAN, [WithoutFilm()], lambda what: None), PLAN, 600)  # type: ignore[arg-type]
    built = [share for share in shares if share.images]
    assert [share.planned.cell.conditioner.name for share in built] == ["adain"] * 2
    assert built[0].seconds == pytest.approx(life(built[0].flops))


def test_a_prober_that_has_died_is_told_and_ends_nobody_else() -> None:
    """As under the command line, where SIGPIPE is deadly."""
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        with Prober() as prober:
            prober.process.kill()
            prober.process.wait()
            assert "beforehand died (" in prober.ask(Question(planned=PLAN[0])).error
            assert prober.ask(Question(planned=PLAN[0])).parameters, "the next one is asked of another process"
    finally:
        signal.signal(signal.SIGPIPE, before)


def test_a_prober_that_takes_longer_than_a_cell_may_is_ended() -> None:
    hasty = plan(changed(load_suite("smoke"), {"backbones": ["gan"], "timeout_seconds": 0.05}), installed(), None)
    with Prober() as prober:
        assert "had no answer after 0.05 s (" in prober.ask(Question(planned=hasty[0])).error
