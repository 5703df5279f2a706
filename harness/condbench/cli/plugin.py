"""`condbench plugin`: for authors of plugins."""

from __future__ import annotations

import typer

plugin = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@plugin.callback()
def _group() -> None:
    """Write and test plugins of your own."""
