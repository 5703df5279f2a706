"""The built-in plugins conform, by the kit that third parties use; pairs are checked from the backbones' side."""

from __future__ import annotations

import pytest

from condbench.registry import installed
from condbench.testing.cases import Case, cases
from condbench.testing.outcome import NotApplicable

REGISTRY = installed()
CONDITIONERS = REGISTRY.conditioners.names()
DEAF = "the control is deaf to u"
EXPECTED = {"none: the loss depends on u": DEAF, "none: samples depend on u": DEAF}
ELSEWHERE = "needs data that are not here, and would download them"
DATA = {"mnist", "fashion-mnist", "kmnist", "cifar10"}
FOUND = [
    case
    for case in cases("condbench", REGISTRY)
    if not (case.plugin in CONDITIONERS and case.check.startswith("composes"))
    and not (case.plugin in DATA and case.check != "names and options")
]


def _param(case: Case) -> object:
    known = EXPECTED.get(case.name)
    return pytest.param(case, id=case.name, marks=[pytest.mark.xfail(reason=known, strict=True)] if known else [])


@pytest.mark.parametrize("case", [_param(case) for case in FOUND])
def test_a_built_in_plugin_conforms(case: Case) -> None:
    try:
        case.run()
    except NotApplicable as reason:
        pytest.skip(str(reason))


def test_expected_failures_are_of_checks_that_there_are() -> None:
    assert {case.name for case in FOUND} >= EXPECTED.keys()
