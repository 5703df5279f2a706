"""`condbench list`: what can be combined, and the options of each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from condbench.registry import Catalogue, Entry, Registry

_SETS = ("offers", "needs", "accepts", "models")
_BOUNDS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "multipleOf": "a multiple of"}
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
    from condbench.errors import unknown
    from condbench.suite import shipped

    registry = installed()
    catalogues = _catalogues(registry)
    if what in shipped():
        print(shipped()[what].read_text(encoding="utf-8"), end="")
        return
    if what is not None and what not in _KINDS:
        found = [e for c in catalogues.values() for e in c if what in (e.spec.name, e.qualified)]
        if not found:
            everything = [*_KINDS, *shipped(), *(name for c in catalogues.values() for name in c.names())]
            raise unknown("kind or name", what, everything)
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


def _catalogues(registry: Registry) -> dict[str, Catalogue[Any]]:
    return {kind: getattr(registry, kind) for kind in _KINDS if kind != "suites"}


def _rows(kind: str, catalogues: dict[str, Catalogue[Any]]) -> list[dict[str, str]]:
    if kind == "suites":
        from condbench.suite import load_suite, shipped

        return [{"name": n, "from": "condbench", "summary": load_suite(n).description} for n in sorted(shipped())]
    return [
        {
            "name": entry.spec.name,
            "from": f"{entry.plugin.distribution} {entry.plugin.version}",
            "summary": entry.spec.summary,
        }
        for entry in catalogues[kind]
    ]


def _show(found: list[Entry[Any]], as_json: bool) -> None:
    """Everything about the plugins of one name, with their options' schema."""
    from condbench.matrix import options_model

    described = []
    for entry in found:
        reference = getattr(entry.spec, "options", None)
        options = {} if reference is None else options_model(entry, reference).model_json_schema()
        described.append(
            {
                "name": entry.spec.name,
                "from": f"{entry.plugin.distribution} {entry.plugin.version}",
                "summary": entry.spec.summary,
                "paper": getattr(entry.spec, "paper", ""),
                **{key: sorted(value) for key in _SETS if (value := getattr(entry.spec, key, None))},
                "options": options.get("properties", {}),
            }
        )
    if as_json:
        print(json.dumps(described, indent=1))
        return
    for plugin in described:
        print(f"{plugin['name']} ({plugin['from']}): {plugin['summary']}")
        for key in ("paper", *_SETS):
            if value := plugin.get(key):
                print(f"  {key}: {value if isinstance(value, str) else ', '.join(value)}")
        for option, schema in plugin["options"].items():
            bounds = ", ".join(f"{words} {schema[key]}" for key, words in _BOUNDS.items() if key in schema)
            about = ", ".join(filter(None, (schema.get("type", ""), bounds)))
            print(f"  {option} = {schema.get('default')} ({about}): {schema.get('description', '')}")
