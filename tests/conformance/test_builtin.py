"""The built-in plugins conform, by the kit that third parties use; pairs are checked from the backbones' side."""

from __future__ import annotations

import resource
from collections import Counter

import pytest

from condbench.registry import installed
from condbench.testing.cases import Case, cases
from condbench.testing.outcome import NotApplicable
from tests.conftest import CACHE

REGISTRY = installed()
DEAF = "the control is deaf to u"
EXPECTED = {"none: the loss depends on u": DEAF, "none: samples depend on u": DEAF}
CONDITIONERS = REGISTRY.conditioners.names()
NOT_HERE = ("mnist", "fashion-mnist", "kmnist", "cifar10")  # data that would have to be downloaded
LIMIT = 20.0  # seconds of one core for all checks of a plugin
SPENT: Counter[str] = Counter()
"""The processor's seconds that checks have taken, by plugin; those of a pair count for both of its sides."""
DEAR = ("classification_accuracy_score",)  # it trains a classifier, and has tests of its own


def _is_run(case: Case) -> bool:
    """Pairs once, from their backbone's side; no data sets that are not here, and no metrics that are dear."""
    if case.plugin in CONDITIONERS:
        return not case.check.startswith("composes")
    return case.plugin not in (*NOT_HERE, *DEAR) or case.check == "names and options"


FOUND = [case for case in cases("condbench", REGISTRY) if _is_run(case)]
NAMES = {case.plugin for case in FOUND}


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDBENCH_CACHE", CACHE)


def _param(case: Case) -> object:
    known = EXPECTED.get(case.name)
    return pytest.param(case, id=case.name, marks=[pytest.mark.xfail(reason=known, strict=True)] if known else [])


@pytest.mark.parametrize("case", [_param(case) for case in FOUND])
def test_a_built_in_plugin_conforms(case: Case) -> None:
    before = processor_seconds()
    try:
        case.run()
    except NotApplicable as reason:
        pytest.skip(str(reason))
    finally:
        for plugin in {case.plugin, case.check.removeprefix("composes with ")} & NAMES:
            SPENT[plugin] += processor_seconds() - before


def processor_seconds() -> float:
    """Of this process and those that it has waited for; on an idle core, what one waits for checks on one thread."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def test_a_plugin_is_checked_within_20_seconds() -> None:
    """Of what ran in this file before."""
    if SPENT.keys() != NAMES:
        pytest.skip("the checks above were not all run")
    assert [(plugin, seconds) for plugin, seconds in SPENT.most_common() if seconds > LIMIT] == []


def test_expected_failures_are_of_checks_that_there_are() -> None:
    assert {case.name for case in FOUND} >= EXPECTED.keys()
