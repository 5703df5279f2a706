"""The options that stand before the verb, `condbench --strict-plugins run`; a file beside `list.py`, which would hide
the type of that name."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from condbench import __version__


def _version(wanted: bool) -> None:
    if wanted:
        print(f"condbench {__version__}")
        raise typer.Exit


def general(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    strict_plugins: Annotated[
        bool,
        typer.Option("--strict-plugins", help="Make any broken plugin an error, as CONDBENCH_STRICT_PLUGINS=1 does."),
    ] = False,
    without_plugin: Annotated[
        list[str] | None,
        typer.Option(
            "--without-plugin",
            metavar="DIST[:ENTRY],…",
            help="Do not load these plugins, nor those that CONDBENCH_WITHOUT_PLUGINS names.",
        ),
    ] = None,
) -> None:
    """Set what holds for every verb, by the environment, so that the cells' processes do the same."""
    if debug:
        os.environ["CONDBENCH_DEBUG"] = "1"
    if strict_plugins:
        os.environ["CONDBENCH_STRICT_PLUGINS"] = "1"
    if without_plugin:
        listed = [os.environ.get("CONDBENCH_WITHOUT_PLUGINS", ""), *without_plugin]
        os.environ["CONDBENCH_WITHOUT_PLUGINS"] = ",".join(listed)
