"""`condbench plugins`: every installed plugin and what became of it."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def plugins(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show every plugin with its distribution, version and state; for one that is not used, why."""
    from condbench.cli.tables import print_table
    from condbench.registry import installed, loaded

    found = loaded().plugins
    if as_json:
        columns = ("distribution", "version", "entry_point", "state", "error")
        print(json.dumps([{column: getattr(plugin, column) for column in columns} for plugin in found], indent=1))
    else:
        print_table(
            ("distribution", "version", "entry point", "state", "error"),
            [(p.distribution, p.version, p.entry_point, p.state, p.error) for p in found],
        )
    installed()  # which fails under --strict-plugins, once everything has been shown
