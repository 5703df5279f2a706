"""Python and the libraries: what is installed, against what condbench and the plugins' distributions require."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from condbench.doctor.finding import Finding

_SECTION = "versions"


def examine_versions(distributions: Iterable[str]) -> Iterator[Finding]:
    """A finding per distribution that has what it requires, and one per requirement that is not met."""
    for name in distributions:
        yield from _distribution(name)
    yield _pair()


def _distribution(name: str) -> Iterator[Finding]:
    try:
        required, found = requires(name) or [], metadata(name)
    except PackageNotFoundError:
        yield Finding(_SECTION, name, "problem", "its metadata are damaged", f"install it anew: pip install {name}")
        return
    subject = f"{name} {found['Version']}"
    try:
        python = SpecifierSet((found.get_all("Requires-Python") or [""])[0])
        requirements = [Requirement(line) for line in required]
    except (InvalidRequirement, InvalidSpecifier) as error:
        yield Finding(_SECTION, subject, "warning", f"what it requires cannot be read: {error}", f"upgrade {name}")
        return
    needed = [one for one in requirements if one.marker is None or one.marker.evaluate({"extra": ""})]
    unmet = [one for one in needed if not _met(one)]
    suits = python.contains(platform.python_version(), prereleases=True)
    if not suits:
        says = f"it needs Python {python}, and this is {platform.python_version()}"
        yield Finding(_SECTION, subject, "problem", says, f"install it for a Python {python}")
    for one in unmet:
        says = f"it needs {_written(one)}, and {_installed(one.name) or 'none'} is installed"
        yield Finding(_SECTION, subject, "problem", says, f"pip install '{_written(one)}'")
    if suits and not unmet:
        versions = ", ".join(f"{one.name} {_installed(one.name)}" for one in needed if one.name != "condbench")
        yield Finding(_SECTION, subject, "ok", f"Python {platform.python_version()}{', ' * bool(versions)}{versions}")


def _pair() -> Finding:
    """torchvision's compiled operators are made for one torch, which its own metadata name."""
    pair = f"torch {_installed('torch') or 'none'} with torchvision {_installed('torchvision') or 'none'}"
    try:
        named = [Requirement(line) for line in requires("torchvision") or []]
    except PackageNotFoundError:
        named = []
    for one in named:
        if one.name == "torch" and not _met(one):
            says = f"{pair}: this torchvision is made for torch{one.specifier}"
            return Finding(
                _SECTION, "torchvision", "problem", says, "pip install --upgrade torch torchvision, together"
            )
    return Finding(_SECTION, "torchvision", "ok", pair)


def _met(requirement: Requirement) -> bool:
    found = _installed(requirement.name)
    return bool(found) and requirement.specifier.contains(found, prereleases=True)


def _installed(name: str) -> str:
    """The version of a distribution; empty if it is not there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _written(requirement: Requirement) -> str:
    return f"{requirement.name}{requirement.specifier}"
