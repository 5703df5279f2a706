"""Reading names with options off the command line and out of suites: ``flow,diffusion[width=64,guidance=2]``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from condbench.errors import UserError

_NAME = re.compile(r"(?:[^\[\],:\s]+:)?[^\[\],:\s]+")
_EXAMPLE = "Write e.g. flow, 'diffusion[width=64,guidance=2]' or my-distribution:flow."


@dataclass(frozen=True)
class Request:
    """A plugin as the user asked for it: a name (``distribution:name`` allowed) and options, still as text."""

    name: str
    options: dict[str, str] = field(default_factory=dict)


def parse_requests(texts: Iterable[str]) -> list[Request]:
    """Read names that are repeated or separated by commas; commas inside brackets separate options.

    >>> parse_requests(["flow,gan", "diffusion[width=64]"])[2]
    Request(name='diffusion', options={'width': '64'})

    Raises:
        UserError: for unbalanced brackets, a malformed name, or an option without a value or given twice.
    """
    return [_parse(item) for text in texts for item in _split(text)]


def _split(text: str) -> list[str]:
    items = re.split(r",(?![^\[]*\])", text)
    return [item.strip() for item in items if item.strip()]


def _parse(item: str) -> Request:
    name, bracket, rest = item.partition("[")
    if not _NAME.fullmatch(name) or (bracket and not rest.endswith("]")) or "[" in rest or "]" in rest[:-1]:
        raise UserError(f"'{item}' is not a name with options. {_EXAMPLE}")
    options: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in rest[:-1].split(","))):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not (equals and key and value):
            raise UserError(f"'{pair}' in '{item}' is not an option with a value. {_EXAMPLE}")
        if key in options:
            raise UserError(f"'{item}' gives the option {key} twice. {_EXAMPLE}")
        options[key] = value
    return Request(name, options)
