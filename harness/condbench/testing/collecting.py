"""The kit as tests: what an author's test file calls, and pytest collects. It imports pytest and torch when called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from condbench.testing.cases import Case


def conformance(
    distribution: str, *, expected: Mapping[str, str] | None = None, data_root: Path | None = None
) -> Callable[[Case], None]:
    """Every check of every plugin of an installed distribution, as one parametrised test.

    In a test file::

        test_conformance = conformance("my-distribution")

    Args:
        distribution: its name, as `condbench plugins` shows it.
        expected: known failures with their reasons, e.g. ``{"my-backbone: no leakage across the batch": "..."}``. One
            that does not fail any more is a failure.
        data_root: the folder that its datasets are given.

    Raises:
        UserError: if there is no such distribution, or no such check to fail.
    """
    import pytest

    from condbench.registry import installed
    from condbench.testing.cases import cases, check_expected
    from condbench.testing.outcome import NotApplicable, Violated

    found = cases(distribution, installed(), data_root)
    known = dict(expected or {})
    check_expected(known, found)

    def marks(case: Case) -> list[pytest.MarkDecorator]:
        return [pytest.mark.xfail(reason=known[case.name], strict=True)] if case.name in known else []

    @pytest.mark.parametrize("case", [pytest.param(case, id=case.name, marks=marks(case)) for case in found])
    def test(case: Case) -> None:
        """One check of one plugin."""
        try:
            case.run()
        except NotApplicable as reason:
            pytest.skip(str(reason))
        except Violated as error:
            pytest.fail(
                f"{case.name}: {error}", pytrace=False
            )  # the sentence says it all; a plugin's own error does not

    return test
