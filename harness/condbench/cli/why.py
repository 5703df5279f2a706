"""`condbench why`: what a cell's result depends on, and what has changed since."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def why(
    cell: Annotated[str, typer.Argument(help="A cell's directory, or its name within --run.")],
    run: Annotated[Path | None, typer.Option(help="The run; the newest under runs/ if left out.")] = None,
) -> None:
    """Say how a cell ended, what its result depends on, and what has changed since."""
    from condbench.cli.cells import find_cell
    from condbench.matrix import current_provenance
    from condbench.provenance import differences
    from condbench.registry import installed

    opened, planned = find_cell(cell, run)
    result = opened.result(planned.name)
    print(f"{planned.name}: {_state(result.state, result.reason) if result else 'not run yet'}")
    old = result.provenance if result else planned.provenance
    root = None if planned.data_root is None else Path(planned.data_root)
    changed = differences(old, current_provenance(planned.cell, old.settings, installed(), root))
    if not changed:
        print("nothing that it depends on has changed: running it again would give the same result")
    for line in changed:
        print(f"changed: {line}")
    for name, distribution in sorted(old.distributions.items()):
        print(f"from: {name} {distribution.version}, sources {distribution.digest}")
    print(f"data: {old.data}")
    for metric, digest in sorted(old.assets.items()):
        print(f"weights of {metric}: {digest}")
    print(f"on: torch {old.torch}, {old.settings.device}, {old.settings.precision}, {old.processor}")


def _state(state: str, reason: str) -> str:
    return f"{state}: {reason}" if reason else state
