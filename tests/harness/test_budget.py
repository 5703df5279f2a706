import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condbench.budget import Budget, Spent
from condbench.errors import UserError

amounts = st.floats(min_value=1e-3, max_value=1e18, allow_nan=False)
maybe = st.none() | amounts
budgets = st.builds(Budget, flops=amounts, samples=maybe, seconds=maybe)
spents = st.builds(Spent, flops=amounts, samples=amounts, seconds=amounts)


@given(budgets)
def test_what_is_printed_is_what_is_read(budget: Budget) -> None:
    assert Budget.parse(str(budget)) == budget


@given(budgets, spents)
def test_progress_is_one_exactly_when_a_limit_is_reached(budget: Budget, spent: Spent) -> None:
    progress = budget.progress(spent)
    assert 0 <= progress <= 1
    reached = budget.reached(spent)
    assert (reached is not None) == (progress == 1)
    if reached is not None:
        assert getattr(spent, reached) >= getattr(budget, reached) * (1 - 1e-12)


@given(budgets, spents, amounts)
def test_progress_never_falls_as_more_is_spent(budget: Budget, spent: Spent, more: float) -> None:
    later = Spent(spent.flops + more, spent.samples + more, spent.seconds + more)
    assert budget.progress(later) >= budget.progress(spent)


def test_suffixes() -> None:
    assert Budget.parse("flops=2T, samples=60k") == Budget(flops=2e12, samples=60_000)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("flop=1e9", "did you mean 'flops'"),
        ("flops", "no number"),
        ("flops=", "no number"),
        ("flops=ten", "no number"),
        ("flops=1.2.3", "no number"),
        ("flops=-1", "no number"),
        ("flops=0", "not a positive number"),
        ("seconds=1e400", "not a positive number"),
        ("flops=1,flops=2", "twice"),
        ("", "unknown budget resource"),
    ],
)
def test_a_malformed_budget_is_explained(text: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        Budget.parse(text)


@given(st.text(max_size=30))
def test_any_text_is_read_or_explained(text: str) -> None:
    try:
        budget = Budget.parse(text)
    except UserError:
        return
    assert all(math.isfinite(limit) and limit > 0 for limit in budget.limits().values())
