"""What went wrong in a plugin, told to its user: a line, the place in its author's code, and how to mend it."""

from __future__ import annotations

import platform
import sys
import traceback
from importlib.metadata import EntryPoint
from pathlib import Path

from condbench.checking import BrokenPlugin, Place
from condbench.discovery import Plugin, Reason

_FRAMES = 3  # of the plugin's own code, the last ones


def explain(error: BaseException, plugin: Plugin, point: EntryPoint) -> Reason:
    """Why a plugin is broken, from what it raised while it was loaded."""
    package = point.value.partition(":")[0].partition(".")[0].strip()
    frames = _own_frames(error, package)
    trace = [*traceback.format_list(frames[-_FRAMES:]), *traceback.format_exception_only(error)]
    return Reason(
        in_a_line(error),
        place_of(error, package),
        _mend(error, package, plugin),
        () if isinstance(error, BrokenPlugin) else tuple("".join(trace).rstrip().splitlines()),
    )


def in_a_line(error: BaseException) -> str:
    """An exception's type and message; of our own ones, the message will do."""
    text = str(error) if isinstance(error, BrokenPlugin) else f"{type(error).__name__}: {error}"
    return " ".join(text.split()).rstrip(":")


def place_of(error: BaseException, package: str) -> str:
    """Where in a package's own code an exception comes from, e.g. ``my_dist/register.py:12``; empty if from nowhere."""
    place: Place | None = None
    if isinstance(error, BrokenPlugin):
        place = error.place
    elif isinstance(error, SyntaxError) and error.filename and error.lineno:
        place = error.filename, error.lineno
    elif frames := _own_frames(error, package):
        place = frames[-1].filename, frames[-1].lineno or 0
    return "" if place is None else f"{_short(place[0])}:{place[1]}"


def _own_frames(error: BaseException, package: str) -> list[traceback.FrameSummary]:
    """The frames of a traceback that are of the package's own code, the innermost last."""
    walked = list(traceback.walk_tb(error.__traceback__))
    names = [str(frame.f_globals.get("__name__", "")) for frame, _ in walked]
    summaries = traceback.StackSummary.extract(iter(walked))
    return [summary for name, summary in zip(names, summaries, strict=True) if name.partition(".")[0] == package]


def _short(file: str) -> str:
    """A file's path as its package is imported, which says more than where that is installed."""
    path = Path(file)
    roots = [root for root in sys.path if root and path.is_relative_to(root)]
    return path.relative_to(max(roots, key=len)).as_posix() if roots else file


def _mend(error: BaseException, package: str, plugin: Plugin) -> str:
    """What a user can do about it, besides switching the plugin off."""
    name = plugin.distribution
    missing = (error.name or "").partition(".")[0] if isinstance(error, ImportError) else ""
    if missing == "condbench":
        return (
            f"it was written for another version of condbench: upgrade {name}, or install the condbench that it needs"
        )
    if missing == package:
        return (
            f"what its entry point or its own code imports is not in it: install it anew (`pip install "
            f"--force-reinstall {name}`), or, if it is yours, mend the name"
        )
    if isinstance(error, ModuleNotFoundError):
        return f"install what it needs (`pip install {missing}`, if its distribution is called so), or {name} anew"
    if isinstance(error, ImportError):
        return f"{missing or 'a library'} is of another version than it needs: see `pip check`, or upgrade {name}"
    if isinstance(error, SyntaxError):
        return f"the file is not what Python {platform.python_version()} can read: upgrade {name}, or mend the file"
    if isinstance(error, SystemExit):
        return f"a module must not end the process when it is imported: its author must mend that; upgrade {name}"
    if isinstance(error, BrokenPlugin):
        return f"its author must mend it, and docs/plugins.md says how a plugin must be: upgrade {name}"
    return f"its author must mend it: upgrade {name}, or report it to them"
