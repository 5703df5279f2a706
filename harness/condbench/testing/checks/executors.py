"""Checks of executors. They only look: running cells elsewhere needs that elsewhere."""

from __future__ import annotations

import inspect

from condbench.registry import resolve
from condbench.testing.check import check
from condbench.testing.outcome import Violated, require
from condbench.testing.subject import Subject


@check("follows the protocol")
def follows_the_protocol(subject: Subject) -> None:
    """Its class can be made without arguments and has ``execute(run, cells, jobs, observer)``, which is how the
    driver calls it. Whether cells come back is for a run to show."""
    reference = subject.entry.spec.target
    executor = resolve(reference)()
    execute = getattr(executor, "execute", None)
    require(callable(execute), f"{reference} has no method execute")
    try:
        inspect.signature(execute).bind("run", [], 1, "observer")  # type: ignore[arg-type]  # it is callable
    except TypeError as error:
        raise Violated(f"execute cannot be called as execute(run, cells, jobs, observer): {error}") from None
