"""Everything that `condbench doctor` looks at, in the order in which it is shown. It imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from condbench.doctor.computer import examine_computer
from condbench.doctor.data import examine_data
from condbench.doctor.finding import Finding
from condbench.doctor.folders import examine_folders
from condbench.doctor.plugins import examine_plugins
from condbench.doctor.torch_facts import ask_torch
from condbench.doctor.versions import examine_versions
from condbench.registry import Registry


def examine(registry: Registry, data_root: Path | None) -> Iterator[Finding]:
    """Look at the plugins, then at what surrounds them.

    Args:
        registry: with its broken plugins.
        data_root: where data are that do not ship.
    """
    yield from examine_plugins(registry)
    distributions = {
        plugin.distribution for plugin in registry.plugins if plugin.version and plugin.state in ("ok", "broken")
    }
    yield from examine_versions(sorted(distributions | {"condbench"}))
    yield from examine_computer(ask_torch())
    yield from examine_data(registry, data_root)
    yield from examine_folders()
