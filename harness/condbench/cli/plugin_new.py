"""`condbench plugin new`: a complete distribution with one plugin, to be changed into the author's own.

Its files are the templates under `condbench/templates`: those of ``every`` kind and those of the kind itself. In their
names ``PACKAGE`` stands for the import package; in their text jinja2 fills in what stands in ``<< >>``.
"""

from __future__ import annotations

import importlib.util
import keyword
import re
import shutil
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

KINDS = ("backbone", "conditioner", "dataset", "metric", "reporter")

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 40  # so that lines which hold the name twice stay readable
_PREFIX = "condbench-"  # many distributions have it; a plugin's own name goes without


def new(
    name: Annotated[str, typer.Argument(help="What the distribution is to be called, e.g. condbench-shapes.")],
    kind: Annotated[str, typer.Option("--kind", help=f"One of {', '.join(KINDS)}.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder to make; NAME if left out.", show_default=False)
    ] = None,
) -> None:
    """Write a distribution with a plugin that works, to be changed into your own.

    It has typed code, tests, condbench's conformance checks among them, and a CI workflow.
    """
    from condbench.errors import unknown

    if kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    package = _package(name)
    plugin = _plugin(name, kind)
    folder = out or Path(name)
    write(folder, kind, {"name": name, "package": package, "plugin": plugin})
    print(f"{folder}: the distribution {name} with the {kind} '{plugin}'. Read its README.md, and then:")
    print(f"    pip install -e '{folder}[test]'")
    print(f"    condbench list {plugin}")
    print(f"    condbench plugin test {name}")


def write(folder: Path, kind: str, words: dict[str, str]) -> None:
    """Write a distribution into a new folder; it is there whole or not at all.

    Args:
        folder: must not exist yet; its parents are made.
        kind: one of `KINDS`.
        words: what templates fill in: the distribution's ``name``, its import ``package`` and its ``plugin``'s name.

    Raises:
        UserError: if the folder exists.
    """
    from condbench.errors import UserError

    if folder.exists() or folder.is_symlink():
        raise UserError(f"'{folder}' exists already: choose another --out, e.g. --out '{folder}-2'.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for path, text in _render(kind, words):
            file = unfinished / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        unfinished.chmod(folder.parent.stat().st_mode & 0o777)  # mkdtemp makes folders that only their owner can enter
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished)
        raise


def _render(kind: str, words: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Each file of a distribution: its path within, and its text."""
    from jinja2 import Environment, StrictUndefined

    from condbench import __version__

    environment = Environment(
        variable_start_string="<<",  # braces are YAML's and Python's
        variable_end_string=">>",
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    for part in ("every", kind):
        for path, source in _walk(files("condbench") / "templates" / part):
            template = environment.from_string(source.read_text(encoding="utf-8"))
            text = template.render(words, kind=kind, condbench=__version__)
            yield path.replace("PACKAGE", words["package"]).removesuffix(".j2"), text


def _walk(folder: Traversable, within: str = "") -> Iterator[tuple[str, Traversable]]:
    """The files below a folder, with their paths in it."""
    for entry in folder.iterdir():
        path = f"{within}{entry.name}"
        if entry.is_dir():
            yield from _walk(entry, f"{path}/")
        else:
            yield path, entry


def _package(name: str) -> str:
    """The import package of a distribution.

    Raises:
        UserError: if the name is no distribution's, or the package could not be imported beside what is installed.
    """
    from condbench.errors import UserError

    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        mended = re.sub(r"[^a-z0-9]+", "-", name.lower())[:_LONGEST].strip("-0123456789") or "condbench-mine"
        raise UserError(
            f"'{name}' cannot be a distribution's name here: write a letter, then lower-case letters and digits, "
            f"single dashes between them, {_LONGEST} characters at most, e.g. {mended}."
        )
    package = name.replace("-", "_")
    found = None if keyword.iskeyword(package) else importlib.util.find_spec(package)
    if keyword.iskeyword(package) or (found is not None and found.origin is not None):
        what = "a word of Python's own" if found is None else f"already at '{found.origin}'"
        raise UserError(f"the package '{package}' of '{name}' is {what}: choose another name, e.g. {_PREFIX}{name}.")
    return package


def _plugin(name: str, kind: str) -> str:
    """What the plugin is called.

    Raises:
        UserError: if an installed plugin of this kind is called so: its name would say of neither which is meant.
    """
    from condbench.cli.installed import installed
    from condbench.errors import UserError

    plugin = name.removeprefix(_PREFIX)
    for entry in getattr(installed(), f"{kind}s"):
        if entry.spec.name == plugin:
            raise UserError(
                f"{entry.plugin.distribution} has a {kind} '{plugin}' already: choose another name, e.g. my-{plugin}."
            )
    return plugin
