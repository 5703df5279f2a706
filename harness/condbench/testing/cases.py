"""From a distribution to its cases: each check of each of its plugins, by name, to be run one by one."""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from condbench.discovery import Plugin
from condbench.errors import UserError, unknown
from condbench.registry import Entry, Registry
from condbench.testing.checks.catalogue import (
    COMPOSES,
    OF_BACKBONES,
    OF_CONDITIONERS,
    OF_DISTRIBUTIONS,
    OF_MODELS,
    OF_OTHERS,
    OF_PLUGINS,
)
from condbench.testing.composition import Composition, of_backbone, of_conditioner, pair, partners
from condbench.testing.outcome import NotApplicable, Outcome, Violated
from condbench.testing.subject import Subject, entry_points

_UNEXPECTED = "it was expected to fail and does not: take it off the expected failures"

Expected = Mapping[str, str]
"""Failures that are known: the reason by the case's name, e.g. ``my-backbone: no leakage across the batch``."""


@dataclass(frozen=True)
class Case:
    """A check of a plugin, ready to run."""

    plugin: str
    check: str
    body: Callable[[], None]

    @property
    def name(self) -> str:
        """``my-backbone: neutral start``."""
        return f"{self.plugin}: {self.check}"

    def run(self) -> None:
        """Check, on one thread and with only deterministic algorithms, and leave the process as it was.

        Raises:
            Violated: with the sentence that says what is wrong.
            NotApplicable: with the reason why there is nothing to check.
            Exception: whatever the plugin raised.
        """
        with _undisturbed():
            self.body()


def cases(distribution: str, registry: Registry, data_root: Path | None = None) -> list[Case]:
    """Every case of a distribution, in a fixed order.

    Raises:
        UserError: if no plugin of a distribution of that name is installed.
    """
    plugins = entry_points(distribution, registry)
    found = [
        Case(_of_entry_point(plugin, plugins), check.name, partial(check.run, plugin))
        for plugin in plugins
        for check in OF_DISTRIBUTIONS
    ]
    own = [
        (catalogue.kind, entry)
        for catalogue in registry.catalogues.values()
        for entry in catalogue
        if entry.plugin.distribution == plugins[0].distribution
    ]
    names = [entry.spec.name for _, entry in own]
    for kind, entry in own:
        label = entry.spec.name if names.count(entry.spec.name) == 1 else f"{kind} {entry.spec.name}"
        subject = Subject(entry, registry, data_root)
        found += [Case(label, check.name, partial(check.run, subject)) for check in OF_PLUGINS]
        if kind == "backbone":
            found += _of_backbone(label, entry, registry)
        elif kind == "conditioner":
            found += _of_conditioner(label, entry, registry)
        else:
            found += [Case(label, check.name, partial(check.run, subject)) for check in OF_OTHERS[kind]]
    return found


def check_expected(expected: Iterable[str], known: Iterable[Case]) -> None:
    """See that every declared failure is of a case that there is.

    Raises:
        UserError: for one that is not, with the closest.
    """
    names = [case.name for case in known]
    for name in expected:
        if name not in names:
            raise unknown("expected failure", name, names)


def outcome(case: Case, expected: Expected) -> Outcome:
    """Run a case; what the plugin raised goes to standard error with its traceback."""
    start = time.perf_counter()
    reason = ""
    try:
        case.run()
        state = "ok"
    except NotApplicable as error:
        state, reason = "skipped", str(error)
    except (Violated, UserError) as error:
        state, reason = "failed", str(error)
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        state, reason = "failed", " ".join(f"{type(error).__name__}: {error}".split())
    if case.name in expected:
        if state == "failed":
            state, reason = "expected", expected[case.name]
        elif state == "ok":
            state, reason = "failed", f"{_UNEXPECTED} ({expected[case.name]})"
    seconds = round(time.perf_counter() - start, 3)
    return Outcome.model_validate(
        {"plugin": case.plugin, "check": case.check, "state": state, "reason": reason, "seconds": seconds}
    )


def _of_entry_point(plugin: Plugin, plugins: Sequence[Plugin]) -> str:
    return plugin.distribution if len(plugins) == 1 else f"{plugin.distribution} ({plugin.entry_point})"


def _of_backbone(label: str, entry: Entry[Any], registry: Registry) -> Iterator[Case]:
    for check in (*OF_BACKBONES, *OF_MODELS):
        yield Case(label, check.name, partial(_alone, check.run, entry, registry))
    for name, other in partners(entry, registry.conditioners):
        yield Case(label, f"{COMPOSES.name} {name}", partial(_compose, entry, other, registry))


def _of_conditioner(label: str, entry: Entry[Any], registry: Registry) -> Iterator[Case]:
    for check in (*OF_CONDITIONERS, *OF_MODELS):
        yield Case(label, check.name, partial(_each, check.run, entry, registry))
    for name, other in partners(entry, registry.backbones):
        yield Case(label, f"{COMPOSES.name} {name}", partial(_compose, other, entry, registry))


def _alone(run: Callable[[Composition], None], entry: Entry[Any], registry: Registry) -> None:
    """A check of a backbone with the kit's conditioner."""
    run(of_backbone(entry, registry))


def _each(run: Callable[[Composition], None], entry: Entry[Any], registry: Registry) -> None:
    """A check in each of the backbones that suit a conditioner; not applicable only if it is so in all."""
    reasons = []
    pairs = of_conditioner(entry, registry)
    for one in pairs:
        try:
            run(one)
        except Violated as error:
            raise Violated(f"{one.name}: {error}") from error
        except NotApplicable as error:
            reasons.append(str(error))
    if len(reasons) == len(pairs):
        raise NotApplicable(reasons[0])


def _compose(backbone: Entry[Any], conditioner: Entry[Any], registry: Registry) -> None:
    COMPOSES.run(pair(backbone, conditioner, registry))


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Put back what `condbench.building.settle` sets for a whole process."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    states = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
        torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]
        random.setstate(states[0])
        np.random.set_state(states[1])
