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
    from condbench.cli.installed import installed
    from condbench.matrix import current_provenance
    from condbench.provenance import differences

    opened, planned = find_cell(cell, run)
    result = opened.result(planned.name)
    identity = planned.cell
    print(f"{planned.name}: {_state(result.state, result.reason) if result else 'not run yet'}")
    choices = f"{identity.dataset}, {identity.backbone}, {identity.conditioner}"
    print(f"cell: {choices}, {identity.budget}, seed {identity.seed}")
    old = result.provenance if result else planned.provenance
    root = None if planned.data_root is None else Path(planned.data_root)
    changed = differences(old, current_provenance(identity, old.settings, installed(), root))
    for line in changed:
        print(f"changed: {line}")
    if changed:
        print("so `condbench run --resume` would run it again")
    elif result and result.state == "ok":
        print("nothing that it depends on has changed: running it again would give the same result")
    for name, distribution in sorted(old.distributions.items()):
        print(f"from: {name} {distribution.version}, sources {distribution.digest}")
    print(f"data: {old.data}")
    for metric, digest in sorted(old.assets.items()):
        print(f"weights of {metric}: {digest}")
    libraries = ", ".join(f"{name} {version}" for name, version in sorted(old.libraries.items()))
    print(f"on: {old.settings.device}, {old.settings.precision}, {old.processor}; {libraries}")


def _state(state: str, reason: str) -> str:
    return f"{state}: {reason}" if reason else state
