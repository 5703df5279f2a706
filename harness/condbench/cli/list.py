"""`condbench list`: what can be combined, and the options of each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from condbench.registry import Catalogue, Entry

_SETS = ("offers", "needs", "accepts", "models", "sizes")
_WORDS = {"sizes": "varied by --track same-size"}
_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
    "multipleOf": "a multiple of",
}
_KINDS = ("backbones", "conditioners", "encoders", "datasets", "metrics", "executors", "reporters", "suites")


def list_(
    what: Annotated[
        str | None,
        typer.Argument(metavar="[KIND|NAME]", help=f"One of {', '.join(_KINDS)}; or a plugin's name."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List backbones, conditioners, datasets and the like; with a NAME, its options."""
    from condbench.cli.installed import installed
    from condbench.cli.tables import print_table
    from condbench.registry import missing
    from condbench.suite import load_suite, shipped

    registry = installed()
    catalogues = registry.catalogues
    if what in shipped():
        text = shipped()[what].read_text(encoding="utf-8")
        print(load_suite(what).model_dump_json(indent=1) if as_json else text.rstrip("\n"))
        return
    if what is not None and what not in _KINDS:
        found = [entry for catalogue in catalogues.values() for entry in catalogue if entry.called(what)]
        if not found:
            everything = [*_KINDS, *shipped(), *(name for c in catalogues.values() for name in c.names())]
            raise missing("name", what, everything, registry.plugins)
        _show(found, as_json)
        return

    kinds = [what] if what else list(_KINDS)
    listing = {kind: _rows(kind, catalogues) for kind in kinds}
    if as_json:
        print(json.dumps(listing, indent=1))
        return
    print_table(
        ("kind", "name", "from", "what it is"),
        [(k.removesuffix("s"), row["name"], row["from"], row["summary"]) for k in kinds for row in listing[k]],
    )


def _rows(kind: str, catalogues: dict[str, Catalogue[Any]]) -> list[dict[str, Any]]:
    if kind == "suites":
        from condbench.suite import load_suite, shipped

        return [{"name": n, "from": "condbench", "summary": load_suite(n).description} for n in sorted(shipped())]
    return [_facts(entry) for entry in catalogues[kind]]


def _facts(entry: Entry[Any]) -> dict[str, Any]:
    """What a plugin says about itself, its options left out."""
    return {
        "name": entry.spec.name,
        "from": f"{entry.plugin.distribution} {entry.plugin.version}",
        "summary": entry.spec.summary,
        "paper": getattr(entry.spec, "paper", ""),
        **{key: sorted(value) for key in _SETS if (value := getattr(entry.spec, key, None))},
    }


def _show(found: list[Entry[Any]], as_json: bool) -> None:
    """Everything about the plugins of one name, with their options' schema."""
    from condbench.matrix import CAPABILITIES
    from condbench.options import options_model

    described = []
    for entry in found:
        reference = getattr(entry.spec, "options", None)
        options: dict[str, Any] = {}
        if reference is not None:
            with entry.blamed(reference):
                options = _options(options_model(entry, reference).model_json_schema())
        described.append(_facts(entry) | {"options": options})
    if as_json:
        print(json.dumps(described, indent=1))
        return
    for plugin in described:
        print(f"{plugin['name']} ({plugin['from']}): {plugin['summary']}")
        if plugin["paper"]:
            print(f"  paper: {plugin['paper']}")
        for key in _SETS:
            words = {name: f"{name} ({CAPABILITIES[name]})" for name in plugin.get(key, ()) if name in CAPABILITIES}
            if value := plugin.get(key):
                print(f"  {_WORDS.get(key, key)}: {', '.join(words.get(name, name) for name in value)}")
        for option, schema in plugin["options"].items():
            default = "none" if schema.get("default") is None else schema["default"]
            value = "…, which must be given" if schema["needed"] else default
            print(f"  {option} = {value} ({_values(schema)}): {schema.get('description', '')}")


def _options(schema: dict[str, Any]) -> dict[str, Any]:
    """Each option's own schema, and whether it is needed; what it refers to, e.g. an enumeration, is put in place."""
    shared, needed = schema.get("$defs", {}), schema.get("required", [])

    def whole(option: dict[str, Any]) -> dict[str, Any]:
        referred: dict[str, Any] = shared.get(option.get("$ref", "").rpartition("/")[2], {})
        return referred | {key: value for key, value in option.items() if key != "$ref"}

    return {
        name: whole(option)
        | ({"anyOf": [whole(one) for one in option["anyOf"]]} if "anyOf" in option else {})
        | {"needed": name in needed}
        for name, option in schema.get("properties", {}).items()
    }


def _values(schema: dict[str, Any]) -> str:
    """What an option may be, in words: its choices, or its type and bounds."""
    variants = [variant for variant in schema.get("anyOf", [schema]) if variant.get("type") != "null"]
    return " or ".join(
        " or ".join(map(str, variant.get("enum", [variant.get("const")])))
        if "enum" in variant or "const" in variant
        else ", ".join(
            [
                variant.get("type", "any"),
                *(f"{words} {variant[key]}" for key, words in _BOUNDS.items() if key in variant),
            ]
        )
        for variant in variants
    )
