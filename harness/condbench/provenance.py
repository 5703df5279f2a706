"""What a result depends on: sources, data, weights, versions, and the seeds that derive from a cell's identity."""

from __future__ import annotations

import hashlib
import importlib.util
import platform
import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from condbench.discovery import normal
from condbench.registry import Entry, Registry, resolve
from condbench.results import Cell, Distribution, Provenance, Settings
from condbench.specs import DatasetSpec, MetricSpec


def seed(cell: Cell, stream: str) -> int:
    """A 63-bit seed for one stream of randomness of a cell, e.g. "train"; it depends on nothing but the identity."""
    identity = f"{cell.model_dump_json()}/{stream}"
    return int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8], "big") >> 1


_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_LIBRARIES = ("torch", "torchvision", "torch-fidelity", "numpy", "scipy", "pillow")
_NO_SOURCES = {"__pycache__", "suites"}  # a plan holds all that a suite says, and only a wheel has them in the package


@cache
def source_digest(package: str) -> str:
    """sha256 over the files of an import package, e.g. sources and weights, found without importing it."""
    found = importlib.util.find_spec(package)
    if found is None:
        return ""
    roots = [Path(root) for root in found.submodule_search_locations or []]
    files = [(path, path.relative_to(root)) for root in roots for path in root.rglob("*") if path.is_file()]
    paths = [(path, name) for path, name in files if _NO_SOURCES.isdisjoint(name.parts)]
    if not paths and found.origin:
        paths = [(Path(found.origin), Path(Path(found.origin).name))]
    total = hashlib.sha256()
    for path, name in sorted(paths, key=lambda pair: str(pair[1])):
        total.update(f"{name}\0".encode())
        total.update(path.read_bytes())
    return total.hexdigest()[:16]


def involved(cell: Cell, settings: Settings, registry: Registry) -> list[Entry[Any]]:
    """The plugins that have a part in a cell's result: its own, its encoders and its metrics."""
    measured = (*settings.metrics, *settings.guidance_metrics, *settings.checkpoint_metrics, *settings.redraw_metrics)
    return [
        registry.datasets.get(f"{cell.dataset.distribution}:{cell.dataset.name}"),
        registry.backbones.get(f"{cell.backbone.distribution}:{cell.backbone.name}"),
        registry.conditioners.get(f"{cell.conditioner.distribution}:{cell.conditioner.name}"),
        *(registry.encoders.get(name) for name in settings.encoders),
        *(registry.metrics.get(name) for name in dict.fromkeys(measured)),
    ]


def distributions(entries: Sequence[Entry[Any]]) -> dict[str, Distribution]:
    """The distributions that entries are from, condbench's harness included."""
    harness = Distribution(version=version("condbench"), digest=source_digest("condbench"))
    packages: dict[str, set[str]] = {}
    versions: dict[str, str] = {}
    for entry in entries:
        packages.setdefault(entry.plugin.distribution, set()).add(entry.spec.target.partition(":")[0].partition(".")[0])
        versions[entry.plugin.distribution] = entry.plugin.version
    return {"condbench (harness)": harness} | {
        name: Distribution(version=versions[name], digest="+".join(source_digest(package) for package in sorted(found)))
        for name, found in packages.items()
    }


def digest(entry: Entry[Any], reference: str, *arguments: Path | str | None) -> str:
    """What a plugin's digest function says, asked once per process.

    Raises:
        UserError: the plugin's own, or one that names it for whatever else it raises.
    """
    with entry.blamed(reference):
        return _digest(reference, *arguments)


@cache
def _digest(reference: str, *arguments: Path | str | None) -> str:
    return str(resolve(reference)(*arguments))


def assets(entries: Sequence[Entry[Any]], dataset: DatasetSpec, data: str) -> dict[str, str]:
    """The digests of the weights that the metrics among entries use on these data, whose digest is ``data``."""
    family = dataset.family or dataset.name
    found = {
        entry.qualified: digest(entry, entry.spec.assets, family, data)
        for entry in entries
        if isinstance(entry.spec, MetricSpec) and entry.spec.assets
    }
    return {metric: weights for metric, weights in found.items() if weights}


def libraries(distributions: Iterable[str] = ()) -> dict[str, str]:
    """The versions of what numbers pass through on their way, and of what other ``distributions`` than ours require."""
    theirs = {normal(name) for distribution in distributions for name in _required(distribution)}
    named = sorted(theirs - {normal(name) for name in (*_LIBRARIES, "condbench")})
    return {name: version(name) for name in (*_LIBRARIES, *named)} | {"python": platform.python_version()}


def _required(distribution: str) -> list[str]:
    """What a distribution requires and has, extras left out; nothing of condbench itself, which names its own."""
    if distribution.startswith("condbench ") or distribution == "condbench":
        return []
    lines = [line for line in requires(distribution) or [] if "extra" not in line.partition(";")[2]]
    names = [found[0] for line in lines if (found := _NAME.match(line))]
    return [name for name in names if _installed(name)]


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:  # its marker is of another platform
        return False
    return True


def differences(old: Provenance, new: Provenance) -> list[str]:
    """What changed from one provenance to another, a sentence each; empty where results are interchangeable."""
    before, after = _flat(old.model_dump(mode="json")), _flat(new.model_dump(mode="json"))
    return [
        f"{key} was {before.get(key, 'absent')}, is {after.get(key, 'absent')}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def _flat(value: object, prefix: str = "") -> dict[str, object]:
    """Nested dictionaries as one with dotted keys."""
    if not isinstance(value, dict):
        return {prefix: value}
    return {k: v for key, inner in value.items() for k, v in _flat(inner, f"{prefix}.{key}" if prefix else key).items()}
