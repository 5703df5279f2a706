"""Holds a plugin to the contract: its hooks, and the specs that they yield. Called by `registry` for each plugin.

pluggy is silent about a hook that is misspelt or not decorated, and a spec is a dataclass that takes anything; here
both are errors that say where.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import cache
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from condbench import hookspecs
from condbench.errors import unknown
from condbench.specs import (
    BackboneSpec,
    ConditionerSpec,
    DatasetSpec,
    EncoderSpec,
    ExecutorSpec,
    MetricSpec,
    ReporterSpec,
    Spec,
)

Place = tuple[str, int]
"""A file and a line of it."""

HOOKS: dict[type[Spec], str] = {
    BackboneSpec: "condbench_register_backbones",
    ConditionerSpec: "condbench_register_conditioners",
    EncoderSpec: "condbench_register_encoders",
    DatasetSpec: "condbench_register_datasets",
    MetricSpec: "condbench_register_metrics",
    ExecutorSpec: "condbench_register_executors",
    ReporterSpec: "condbench_register_reporters",
}
"""The hook that yields each kind of spec."""

_PREFIX = "condbench_"  # a function whose name begins so is meant as a hook
_KNOWN = {name: hook for name, hook in vars(hookspecs).items() if name.startswith(_PREFIX)}
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
_REFERENCES = ("target", "options", "fingerprint", "assets", "trainer")
_MANY = 1000  # specs of one kind: more than anybody will list, and soon reached by a hook without end
_WANTED = {
    "string_type": "it must be text",
    "frozen_set_type": "it must be a frozenset, e.g. frozenset({'class'})",
    "tuple_type": "it must be a tuple, e.g. ('class',)",
    "bool_type": "it must be True or False",
}


@cache
def _adapter(hint: Any) -> TypeAdapter[Any]:
    return TypeAdapter(hint, config=ConfigDict(strict=True))


# What each field of a spec must be, by its annotation.
_FIELDS: dict[type[Spec], dict[str, TypeAdapter[Any]]] = {
    kind: {name: _adapter(hint) for name, hint in get_type_hints(kind).items()} for kind in HOOKS
}


class BrokenPlugin(Exception):  # noqa: N818 - a state, not a fault of the host
    """A plugin does not keep the contract; the message says how, and ``place`` where, if that is known."""

    def __init__(self, message: str, place: Place | None = None) -> None:
        super().__init__(message)
        self.place = place


def kind_of(spec: type[object]) -> str:
    """What users call such a spec, e.g. "backbone"."""
    return spec.__name__.removesuffix("Spec").lower()


def check_hooks(plugin: object) -> None:
    """Hold a plugin, which is a module or an object, to the names and signatures of the hooks.

    Raises:
        BrokenPlugin: for a hook that is misspelt, not decorated, there twice, async or takes other arguments, or if
            there is none.
    """
    if not isinstance(plugin, Hashable):
        raise BrokenPlugin(f"its entry point names {plugin!r}, which is not hashable: name a module")
    implemented: dict[str, str] = {}
    for attribute in dir(plugin):
        function = getattr(plugin, attribute, None)
        if not inspect.isroutine(function):
            continue
        options = getattr(function, "condbench_impl", None)
        if options is None:
            if attribute.startswith(_PREFIX):
                if attribute not in _KNOWN:
                    raise BrokenPlugin(str(unknown("hook", attribute, _KNOWN)), defined(function))
                raise BrokenPlugin(
                    f"{attribute} is not decorated: put @condbench.hookimpl before it", defined(function)
                )
            continue
        name = options.get("specname") or attribute
        if name not in _KNOWN:
            raise BrokenPlugin(str(unknown("hook", name, _KNOWN)), defined(function))
        if name in implemented:
            raise BrokenPlugin(
                f"{attribute} implements {name}, as {implemented[name]} does: keep one", defined(function)
            )
        implemented[name] = attribute
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise BrokenPlugin(
                f"{attribute} is async: define it by def alone, since nobody awaits it", defined(function)
            )
        _check_signature(name, function)
    if not implemented:
        raise BrokenPlugin(
            "it has no hook: define one that `condbench.hookspecs` has, e.g. condbench_register_backbones, and put "
            "@condbench.hookimpl before it"
        )


def _check_signature(name: str, function: Callable[..., object]) -> None:
    """A hook may leave arguments out, and must not ask for others."""
    offered = list(inspect.signature(_KNOWN[name]).parameters)
    parameters = inspect.signature(function).parameters.values()
    asked = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if surplus := [argument for argument in asked if argument not in offered]:
        gets = f"gets {', '.join(offered)}" if offered else "gets no argument"
        raise BrokenPlugin(f"{name} asks for {', '.join(surplus)}, but it {gets}", defined(function))


def checked(yielded: object, kind: type[Spec], hook: Callable[..., object]) -> Iterator[Spec]:
    """The specs that a hook yields, each held to its type as soon as it is there.

    Args:
        yielded: what the hook has returned.
        kind: the type that all of them must have.
        hook: the plugin's function, for its place.

    Raises:
        BrokenPlugin: for anything else, a name twice, or no end.
    """
    name = HOOKS[kind]
    if isinstance(yielded, str) or not isinstance(yielded, Iterable):
        wanted = f"it must yield each {kind.__name__}, or return a list of them"
        raise BrokenPlugin(f"{name} returns {yielded!r}: {wanted}", defined(hook))
    names: set[str] = set()
    for spec in yielded:
        try:
            if type(spec) is not kind:
                raise BrokenPlugin(f"{name} yields {spec!r}, which is not a {kind.__name__}")
            check_spec(spec)
            if spec.name in names:
                raise BrokenPlugin(f"it yields the {kind_of(kind)} '{spec.name}' twice")
            if len(names) == _MANY:
                raise BrokenPlugin(f"{name} yields more than {_MANY:,} specs: does it end?")
        except BrokenPlugin as broken:
            raise BrokenPlugin(str(broken), _yielding(yielded) or defined(hook)) from None
        names.add(spec.name)
        yield spec


def check_spec(spec: Spec) -> None:
    """Hold the fields of a spec to their types, its name and its references to their form.

    Raises:
        BrokenPlugin: for the first that is wrong.
    """
    for name, adapter in _FIELDS[type(spec)].items():
        value = getattr(spec, name)
        try:
            adapter.validate_python(value)
        except ValidationError as error:
            raise BrokenPlugin(f"{name} of {_called(spec)} is {value!r}: {_wanted(error, name)}") from None
    if not _NAME.fullmatch(spec.name):
        raise BrokenPlugin(f"the name '{spec.name}' must be lower-case letters, digits, '.', '_' and '-'")
    for key in _REFERENCES:
        reference = getattr(spec, key, None)
        if reference is not None and not _TARGET.fullmatch(reference):
            raise BrokenPlugin(f"{key} of {_called(spec)} is '{reference}': it must be 'package.module:attribute'")


def _wanted(error: ValidationError, field: str) -> str:
    """pydantic's first finding, in words for an author."""
    first = error.errors(include_url=False)[0]
    if first["type"] == "literal_error":
        known = re.findall(r"'([^']+)'", first["ctx"]["expected"])
        return str(unknown(f"value of {field}", str(first["input"]), known))
    message = _WANTED.get(first["type"], first["msg"])
    return f"{message}, and {first['input']!r} in it is not" if first["loc"] else message


def _called(spec: Spec) -> str:
    return f"the {kind_of(type(spec))} '{spec.name}'"


def defined(function: Callable[..., object]) -> Place | None:
    """Where a function is defined."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return None if code is None else (code.co_filename, code.co_firstlineno)


def _yielding(hook: object) -> Place | None:
    """Where a generator stands."""
    frame = getattr(hook, "gi_frame", None)
    return None if frame is None else (frame.f_code.co_filename, frame.f_lineno)
