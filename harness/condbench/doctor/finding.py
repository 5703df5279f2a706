"""What an examination consists of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "absent", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    ``absent`` is what nobody needs who does not use it, such as a GPU or data that can be downloaded; a ``warning``
    costs something, and with a ``problem`` something does not work. ``fix`` says what to do, and ``trace`` are lines of
    a plugin's traceback.
    """

    section: str
    subject: str
    state: State
    says: str
    fix: str = ""
    trace: tuple[str, ...] = ()
