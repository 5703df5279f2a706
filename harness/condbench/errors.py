"""Errors that a user can mend: one sentence with the cause, what is close, and what to do; never a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Wrong usage; the command line prints it as one sentence and exits with ``exit_code``."""

    exit_code = 2


class Diverged(Exception):  # noqa: N818 - it is an end state's name, not a programming error
    """Training produced a loss or parameters that are not finite."""


def unknown(what: str, name: str, known: Iterable[str], *, hint: str = "") -> UserError:
    """An error for a name that is not among ``known``, with the closest ones.

    >>> print(unknown("conditioner", "fillm", ["film", "adain"]))
    unknown conditioner 'fillm': did you mean 'film'? Known: adain, film.
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    guess = f"did you mean '{close[0]}'? " if close else ""
    listing = f"Known: {', '.join(names) or 'none'}."
    return UserError(f"unknown {what} '{name}': {guess}{listing}{' ' + hint if hint else ''}")
