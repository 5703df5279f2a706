"""Data and weights: which are there, by the functions that plugins name for it. Nothing is downloaded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from condbench import provenance
from condbench.cache import OFFLINE
from condbench.doctor.finding import Finding
from condbench.errors import UserError
from condbench.registry import Entry, PluginFailed, Registry
from condbench.specs import DatasetSpec, MetricSpec

_SHOWN = 12  # digits of a digest


def examine_data(registry: Registry, data_root: Path | None) -> Iterator[Finding]:
    """A finding per dataset; then, per dataset, the weights that metrics would use for it."""
    digests: dict[str, str] = {}
    with _offline():
        for entry in registry.datasets:
            finding, digests[entry.qualified] = _data(entry, data_root)
            yield finding
        for entry in registry.datasets:
            yield from _weights(entry, digests[entry.qualified], registry)


@contextmanager
def _offline() -> Iterator[None]:
    before = os.environ.get(OFFLINE)
    os.environ[OFFLINE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[OFFLINE]
        else:
            os.environ[OFFLINE] = before


def _data(entry: Entry[DatasetSpec], data_root: Path | None) -> tuple[Finding, str]:
    """Whether a dataset is there, and its digest; empty if it is not."""
    name = entry.spec.name
    try:
        digest = provenance.digest(entry, entry.spec.fingerprint, data_root)
    except PluginFailed as error:
        return Finding("data", name, "problem", str(error)), ""
    except OSError as error:
        says = f"'{error.filename}' cannot be read ({error.strerror})"
        return Finding("data", name, "problem", says, "mend its permissions, or name another --data-root"), ""
    except UserError as error:
        return Finding("data", name, "absent", str(error)), ""
    return Finding("data", name, "ok", f"there; its digest is {digest[:_SHOWN]}"), digest


def _weights(entry: Entry[DatasetSpec], data: str, registry: Registry) -> Iterator[Finding]:
    """The weights for one dataset, each with the metrics that use them."""
    family = entry.spec.family or entry.spec.name
    users: dict[str, list[Entry[MetricSpec]]] = {}
    for metric in registry.metrics:
        if metric.spec.assets is None:
            continue
        try:
            digest = provenance.digest(metric, metric.spec.assets, family, data)
        except UserError as error:
            yield Finding("weights", metric.qualified, "problem", str(error))
        else:
            users.setdefault(digest, []).append(metric)
    without = users.pop("", [])
    if users:
        listing = "; ".join(f"{digest[:_SHOWN]} ({_names(metrics)})" for digest, metrics in users.items())
        yield Finding("weights", entry.spec.name, "ok", listing)
    if without:
        train = f"condbench judge train {entry.spec.name}"
        first = "" if data else "get the data first, then: "
        fix = f"{first}{train}" if any(metric.spec.trainer for metric in without) else ""
        yield Finding("weights", entry.spec.name, "absent", f"none for {_names(without)}, which are left out", fix)


def _names(metrics: list[Entry[MetricSpec]]) -> str:
    return ", ".join(metric.spec.name for metric in metrics)
