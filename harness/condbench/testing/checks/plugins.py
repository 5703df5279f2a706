"""Checks of what is said about a plugin: that it registers, at no cost, and that its options are options."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from pydantic import BaseModel, ValidationError

from condbench.discovery import Plugin
from condbench.registry import resolve
from condbench.specs import BackboneSpec
from condbench.testing.check import check
from condbench.testing.composition import BUILT_IN
from condbench.testing.outcome import NotApplicable, Violated, require
from condbench.testing.subject import Subject


@check("registration")
def registration(plugin: Plugin) -> None:
    """The distribution's entry points load and their specs are accepted. One that is not is quarantined whole:
    nothing of it can be used until it is mended."""
    require(not plugin.error, f"the entry point '{plugin.entry_point}' is quarantined: {plugin.error}")


@check("registration imports no torch")
def registration_imports_no_torch(plugin: Plugin) -> None:
    """Registering leaves torch alone, tried in a process of its own. Entry points are loaded at every start,
    `condbench --help` included, and torch takes seconds: name code as "package.module:attribute" instead of importing
    it."""
    if plugin.error:
        raise NotApplicable("it is quarantined")
    who = _who_imports_torch(plugin.distribution)
    require(not who, f"{who} imports torch")


@check("names and options")
def names_and_options(subject: Subject) -> None:
    """The name is no built-in plugin's, the code that the spec names is there, and options are a pydantic model whose
    module imports no torch, whose defaults are valid, as text too, and which refuses what it does not know. Options
    come from the command line as text, and are validated and listed before anything runs."""
    spec, plugin = subject.entry.spec, subject.entry.plugin
    everyone = [entry for catalogue in subject.registry.catalogues.values() for entry in catalogue]
    same = [entry for entry in everyone if type(entry.spec) is type(spec) and entry.spec.name == spec.name]
    owners = {entry.plugin.distribution for entry in same} - {plugin.distribution}
    require(
        BUILT_IN not in owners,
        f"the name '{spec.name}' is a built-in plugin's: users would have to write {subject.entry.qualified}",
    )
    one_line = bool(spec.summary.strip()) and "\n" not in spec.summary
    require(one_line, "its spec has no summary of one line, which `condbench list` shows")
    light = _references(spec, "options", "fingerprint", "assets")
    for reference in (*light, *_references(spec, "target", "trainer")):
        require(callable(_resolved(reference)), f"{reference} is not callable")
    if getattr(spec, "options", None):
        _check_options(spec, _resolved(spec.options))
    if light:
        who = _who_imports_torch(plugin.distribution, *light)
        require(not who, f"{who} imports torch, and {' and '.join(light)} must be importable without")


def _references(spec: Any, *fields: str) -> list[str]:
    """The code that a spec names in those of the fields that it has."""
    return [reference for field in fields if (reference := getattr(spec, field, None))]


def _check_options(spec: Any, model: Any) -> None:
    require(
        isinstance(model, type) and issubclass(model, BaseModel), f"{spec.options} is not a pydantic model of options"
    )
    try:
        options = model()
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise Violated(f"its options have no valid defaults: {where}: {first['msg']}") from None
    dumped = options.model_dump(mode="json", by_alias=True)
    as_text = {name: str(value) for name, value in dumped.items() if value is not None}
    try:
        read = model.model_validate_strings(as_text)
    except ValidationError as error:
        raise Violated(f"its defaults cannot be written as text, as the command line has them: {error}") from None
    require(read == options, f"its defaults, written as text, are read as {read!r}")
    require(
        model.model_config.get("extra") != "allow",
        "its options take unknown names without a word, so that a misspelt one does nothing: set "
        'model_config = ConfigDict(extra="forbid")',
    )
    undescribed = [name for name, field in model.model_fields.items() if not field.description]
    require(not undescribed, f"the option {', '.join(undescribed)} has no description, which `condbench list` shows")
    if isinstance(spec, BackboneSpec):
        wrong = [name for name in spec.sizes if not isinstance(getattr(options, name, None), int)]
        require(not wrong, f"sizes names {', '.join(wrong)}, which is no integer option")


def _resolved(reference: str) -> object:
    try:
        return resolve(reference)
    except (ImportError, AttributeError) as error:
        raise Violated(f"'{reference}' cannot be loaded ({type(error).__name__}: {error})") from error


def _who_imports_torch(distribution: str, *references: str) -> str:
    """The module that does so first, with its line; empty if none does."""
    command = [sys.executable, "-m", "condbench.testing.torchless", distribution, *references]
    done = subprocess.run(command, capture_output=True, text=True)
    require(done.returncode == 0, f"importing {', '.join(references)} fails: {(done.stderr.splitlines() or [''])[-1]}")
    return done.stdout.splitlines()[-1]
