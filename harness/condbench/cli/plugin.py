"""`condbench plugin`: for authors of plugins."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from condbench.cli.plugin_new import new

if TYPE_CHECKING:
    from condbench.testing.outcome import Outcome

_FAILED = 3

plugin = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@plugin.callback()
def _group() -> None:
    """Write and test plugins of your own."""


plugin.command("new")(new)


@plugin.command()
def test(
    distribution: Annotated[str, typer.Argument(help="An installed distribution; `condbench plugins`.")],
    expect: Annotated[
        list[str] | None,
        typer.Option(metavar="'PLUGIN: CHECK=REASON'", help="A failure that is known, with its reason; repeatable."),
    ] = None,
    data_root: Annotated[
        Path | None,
        typer.Option(help="Folder that its datasets are given.", file_okay=False, exists=True),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check every plugin of a distribution: the conformance kit.

    A line per check: ok, failed, skipped, or expected to fail. Exit code 3 if some check failed.
    """
    from condbench.registry import installed
    from condbench.testing.asking import Question, ask
    from condbench.testing.subject import entry_points

    entry_points(distribution, installed())
    question = Question(distribution=distribution, expected=_expected(expect or []), data_root=data_root)
    outcomes = _shown(ask(question), as_json)
    if any(outcome.state == "failed" for outcome in outcomes):
        raise typer.Exit(_FAILED)


def _expected(texts: Iterable[str]) -> dict[str, str]:
    """Declared failures: the reason by ``plugin: check``."""
    from condbench.errors import UserError

    expected: dict[str, str] = {}
    for text in texts:
        name, equals, reason = (part.strip() for part in text.partition("="))
        if not (equals and name and reason):
            raise UserError(
                f"--expect '{text}' lacks a reason. Write e.g. --expect 'my-gan: no leakage across the batch=its "
                "critic sees the deviation of a minibatch'."
            )
        expected[name] = reason
    return expected


def _shown(outcomes: Iterable[Outcome], as_json: bool) -> list[Outcome]:
    """Print each outcome as it comes, and what became of all; as JSON, all at once."""
    found: list[Outcome] = []
    for outcome in outcomes:
        found.append(outcome)
        if not as_json:
            reason = f" ({outcome.reason})" if outcome.reason else ""
            print(f"{outcome.state:8}  {outcome.name}{reason}", flush=True)
    if as_json:
        print(json.dumps([outcome.model_dump() for outcome in found], indent=1))
        return found
    counts = Counter(outcome.state for outcome in found)
    listing = ", ".join(f"{count} {state}" for state, count in counts.most_common())
    print(f"{len(found)} checks: {listing}", file=sys.stderr)
    return found
