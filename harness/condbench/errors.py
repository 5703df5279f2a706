"""Errors that a user can mend: one sentence with the cause, what is close, and what to do; never a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Wrong usage; the command line prints it as one sentence and exits with ``exit_code``."""

    exit_code = 2


class NotComparable(UserError):  # noqa: N818 - what was found, not a fault
    """What was to be compared was not made under the same conditions."""

    exit_code = 4


class Interrupted(UserError):  # noqa: N818 - the user's wish, not a fault
    """The user pressed Ctrl-C where the command cannot go on without saying more."""

    exit_code = 130


class Diverged(Exception):  # noqa: N818 - it is an end state's name, not a programming error
    """Training produced a loss or parameters that are not finite."""


_LISTED = 12


def unknown(what: str, name: str, known: Iterable[str], *, hint: str = "") -> UserError:
    """An error for a name that is not among ``known``, with the closest one, or with what there is.

    >>> print(unknown("conditioner", "fillm", ["film", "adain"]))
    unknown conditioner 'fillm': did you mean 'film'? Known are adain, film.
    """
    names = sorted(set(known))
    close = difflib.get_close_matches(name.lower(), names, n=1)
    listing = ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
    parts = [
        f"did you mean '{close[0]}'?" if close else "",
        "" if close and len(names) > _LISTED else f"{'K' if close else 'k'}nown are {listing or 'none'}.",
        hint,
    ]
    return UserError(f"unknown {what} '{name}': {' '.join(part for part in parts if part)}")
