"""Distributions that are installed by writing their metadata and one module into a folder on the path."""

from __future__ import annotations

from pathlib import Path


def plant(
    folder: Path,
    name: str,
    source: str,
    *,
    version: str = "1.0",
    entry_points: str | None = None,
    metadata: str = "",
) -> None:
    """Install a distribution whose module is the plugin ``plugin``, unless other entry points are given.

    ``metadata`` are more lines of its METADATA, e.g. ``Requires-Dist: numpy``.
    """
    module = name.replace("-", "_")
    info = folder / f"{module}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}")
    (info / "entry_points.txt").write_text(entry_points or f"[condbench.v1]\nplugin = {module}\n")
    (folder / f"{module}.py").write_text(source)
