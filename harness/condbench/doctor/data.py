"""Data and weights: which are there, by the functions that plugins name for it. Nothing is downloaded."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
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
    """A finding per dataset; then the weights that metrics would use for it."""
    digests: dict[str, str] = {}
    with _offline():
        for entry in registry.datasets:
            finding, digests[entry.qualified] = _data(entry, data_root)
            yield finding
        yield from _weights(digests, registry)


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


def _weights(digests: Mapping[str, str], registry: Registry) -> Iterator[Finding]:
    """The weights that there are, each with the metrics and the datasets that use them; then those that are not."""
    users: dict[tuple[str, tuple[Entry[MetricSpec], ...]], list[str]] = {}
    for entry in registry.datasets:
        of_metric: dict[str, list[Entry[MetricSpec]]] = {}
        for metric in registry.metrics:
            if metric.spec.assets is None:
                continue
            family = entry.spec.family or entry.spec.name
            try:
                digest = provenance.digest(metric, metric.spec.assets, family, digests[entry.qualified])
            except UserError as error:
                yield Finding("weights", entry.spec.name, "problem", str(error))
            else:
                of_metric.setdefault(digest, []).append(metric)
        for digest, metrics in of_metric.items():
            users.setdefault((digest, tuple(metrics)), []).append(entry.spec.name)
    for (digest, together), datasets in sorted(users.items(), key=lambda item: not item[0][0]):
        listing = ", ".join(metric.spec.name for metric in together)
        if digest:
            yield Finding("weights", ", ".join(datasets), "ok", f"{digest[:_SHOWN]} for {listing}")
            continue
        train = "; ".join(f"condbench judge train {name}" for name in datasets)
        fix = f"once the data are there, {train}" if any(metric.spec.trainer for metric in together) else ""
        yield Finding("weights", ", ".join(datasets), "absent", f"none for {listing}, which are left out", fix)
