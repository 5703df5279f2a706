"""`condbench plugins`: every installed plugin and what became of it."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def plugins(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show every plugin with its distribution, version and state; for a broken one, the error."""
    from condbench.cli.tables import print_table
    from condbench.registry import installed

    found = installed().plugins
    if as_json:
        print(json.dumps([{**vars(plugin), "state": plugin.state} for plugin in found], indent=1))
        return
    print_table(
        ("distribution", "version", "entry point", "state", "error"),
        [(p.distribution, p.version, p.entry_point, p.state, p.error) for p in found],
    )
