"""A virtual environment per side, with nothing in it but the side's own distribution and what it asks for differently.

Beneath it lie the packages of the environment that condbench runs in, so that both sides share torch and all else that
either is content with, and a build takes seconds. Head is built like base: two layouts would start up differently.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from importlib.metadata import distributions
from pathlib import Path

from filelock import FileLock

from condbench.cache import cache_folder
from condbench.errors import NotComparable
from condbench.gate.speed.sides import Side
from condbench.gate.speed.sources import Source

_COMPLETE = ".complete"  # its time is that of the last use
_KEPT_SECONDS = 30 * 24 * 3600.0
_EPOCH = "315532800"  # 1980: what goes into a wheel depends on its content only


def environment(name: str, source: Source) -> Side:
    """A side's interpreter, from the cache if it was built before from the same source on the same packages.

    Raises:
        NotComparable: if pip cannot install it; nothing is left behind.
        UserError: if its revision cannot be checked out.
    """
    lower = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    folder = cache_folder() / "environments" / _key(source, lower)
    folder.parent.mkdir(parents=True, exist_ok=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / _COMPLETE).exists():
            shutil.rmtree(folder, ignore_errors=True)  # what a killed build left
            try:
                with source.checked_out() as place:
                    _build(name, source, place, folder, python, lower)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        (folder / _COMPLETE).touch()
    _forget(folder.parent)
    return Side(name, str(python), clean_environment())


def _forget(environments: Path) -> None:
    """Remove those that were not used for a month: every edit of a working tree makes another."""
    for complete in environments.glob(f"*/{_COMPLETE}"):
        if _is_old(complete):
            with FileLock(complete.parent.with_suffix(".lock")):
                if _is_old(complete):  # another process may have taken it up, or removed it, just now
                    complete.unlink()  # first, so that what is left of a killed removal is built anew
                    shutil.rmtree(complete.parent, ignore_errors=True)


def _is_old(complete: Path) -> bool:
    try:
        return time.time() - complete.stat().st_mtime > _KEPT_SECONDS
    except FileNotFoundError:
        return False


def clean_environment() -> dict[str, str]:
    """This process's variables, less those that would put other code before the side's own."""
    return {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}


def _build(name: str, source: Source, place: str, folder: Path, python: Path, lower: list[str]) -> None:
    def run(doing: str, *command: str) -> None:
        # A working tree is built where it lies, and nothing may be left in it.
        leave_nothing = {"PYTHONDONTWRITEBYTECODE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        env = clean_environment() | leave_nothing | {"SOURCE_DATE_EPOCH": _EPOCH}
        answer = subprocess.run(command, capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL)
        if answer.returncode:
            lines = (answer.stderr.strip() or answer.stdout.strip() or "it said nothing").splitlines()
            told = next((line for line in reversed(lines) if line.lower().startswith("error")), lines[-1])
            raise NotComparable(
                f"{name} '{source.label}' cannot be built, {doing} failed ({told.strip()}): see all of it with "
                f"`pip install '{place if not source.commit else source.place}'`"
                f"{f' at {source.commit[:10]}' if source.commit else ''}, or name another --{name}."
            )

    run("making its virtual environment", sys.executable, "-m", "venv", str(folder))
    (site,) = (folder / "Lib" / "site-packages",) if os.name == "nt" else folder.glob("lib/python*/site-packages")
    # Lower packages keep their own .pth files, e.g. of editable plugins; they come after what the side brings itself.
    lines = ["import site", *(f"site.addsitedir({path!r})" for path in lower)]
    (site / "condbench-lower.pth").write_text("; ".join(lines) + "\n", encoding="utf-8")
    pip = (str(python), "-m", "pip", "--quiet", "--no-input")
    # Python 3.11 puts an old one there, which would lie above the one that torch requires.
    run("pip uninstall of setuptools", *pip, "uninstall", "--yes", "setuptools")
    own = {found.metadata["Name"] for found in distributions(path=[str(site)])}
    run("pip install", *pip, "install", "--no-deps", "--ignore-installed", place)
    brought = {found.metadata["Name"] for found in distributions(path=[str(site)])} - own
    run("pip install of what it requires", *pip, "install", *sorted(brought))


def _key(source: Source, lower: list[str]) -> str:
    """Of the source, the interpreter, and the versions that lie beneath."""
    beneath = sorted({f"{found.metadata['Name']}=={found.version}" for found in distributions(path=lower)})
    parts = [source.digest, source.place if source.commit else "", sys.prefix, platform.python_version(), *beneath]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
