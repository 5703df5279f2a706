"""The conformance kit catches a planted bug of each kind that it checks, by the check that is named for it."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from condbench.building import encoder_maker
from condbench.matrix import CAPABILITIES
from condbench.registry import installed
from condbench.specs import Task
from condbench.testing.cases import cases, outcome
from condbench.testing.checks import pairing
from condbench.testing.checks.catalogue import every_check
from condbench.testing.composition import DOMAINS, Composition
from condbench.testing.partners import SMALL_BACKBONES, Everywhere
from tests.conformance import bugs_of_others, bugs_of_pairs
from tests.conformance.planting import plant

TASK = Task(DOMAINS["image"], (DOMAINS["class"],))
BUGS = bugs_of_others.BUGS | bugs_of_pairs.BUGS


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_caught_by_name(bug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted, name, says = BUGS[bug]
    registry = plant(tmp_path, monkeypatch, planted)
    (case,) = [case for case in cases("planted", registry) if case.name == name]
    found = outcome(case, {})
    assert found.state == "failed", found
    assert says in found.reason


def test_without_bugs_it_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the pairs, those in which bugs are planted, and its own."""
    named = {name for _, name, _ in BUGS.values()}
    found = cases("Planted", plant(tmp_path, monkeypatch))
    assert {case.name for case in found} >= named - {"flow: names and options"}
    run = [case for case in found if "composes" not in case.check or "toy" in case.check or case.name in named]
    assert [one for one in (outcome(case, {}) for case in run) if one.state == "failed"] == []


def test_each_check_has_caught_a_bug() -> None:
    caught = {name.partition(": ")[2] for _, name, _ in BUGS.values()}
    checks = {check.name for checks in every_check().values() for check in checks}
    assert {name if not name.startswith("composes with") else "composes with" for name in caught} == checks


def test_a_check_leaves_the_process_as_it_was(request: pytest.FixtureRequest) -> None:
    """Other tests of its author's come after it, with seeds and threads of their own."""
    request.addfinalizer(partial(torch.set_num_threads, torch.get_num_threads()))
    request.addfinalizer(partial(torch.use_deterministic_algorithms, torch.are_deterministic_algorithms_enabled()))
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(False)
    torch.manual_seed(5)
    before = _process()
    (case,) = [case for case in cases("condbench", installed()) if case.name == "vae: shapes"]
    case.run()
    assert _process() == before


def _process() -> list[object]:
    states: list[object] = [torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), random.getstate()]
    return [*states, str(np.random.get_state()), torch.get_rng_state().tolist()]


def test_every_capability_is_looked_for_and_is_in_a_backbone_of_the_kits() -> None:
    assert pairing._OFFERED.keys() == CAPABILITIES.keys()
    assert frozenset.union(*(one.offers for one in SMALL_BACKBONES)) == CAPABILITIES.keys()


def test_the_kits_own_backbones_offer_what_they_have() -> None:
    encoders = encoder_maker([one.spec for one in installed().encoders], TASK)
    for one in SMALL_BACKBONES:
        pair = Composition(one.name, TASK, lambda one=one: Everywhere().lift(one.build, TASK, encoders), one.offers)
        pairing.sites_and_offers.run(pair)
