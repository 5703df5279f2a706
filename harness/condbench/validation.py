"""What pydantic finds wrong in a suite or in a plugin's options, as one sentence for the user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from condbench.errors import UserError, unknown


def explain(error: ValidationError, whose: str, model: type[BaseModel]) -> UserError:
    """The first finding of pydantic as one sentence, with the closest key where one is unknown."""
    first: dict[str, Any] = dict(error.errors()[0])
    where = [str(part) for part in first["loc"]]
    if not where:  # a finding about several keys together
        return UserError(f"{whose}: {first['msg'].removeprefix('Value error, ')}.")
    tables, key = where[:-1], ".".join(where)
    if first["type"] == "extra_forbidden":
        return UserError(f"{whose}: {unknown('key', key, _keys(model, tables))}")
    if first["type"] == "missing":
        return UserError(f"{whose} lacks the key '{key}'; it must have one, e.g. {key} = …")
    wanted = first["msg"].removeprefix("Value error, ")
    if first["type"] == "model_type":
        wanted = f"it is a table with keys of its own, {', '.join(_keys(model, where))}"
    elif first["type"] == "string_pattern_mismatch" and (field := model.model_fields.get(key)) and field.description:
        wanted = f"write {field.description}"
    return UserError(f"{whose}: {key} = {first['input']!r} is not valid: {wanted}.")


def _keys(model: type[BaseModel], tables: Sequence[str]) -> list[str]:
    """The keys that may stand in a table within, e.g. guidance.scales; those of the whole if it is none."""
    inner = model
    for table in tables:
        field = inner.model_fields.get(table)
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return list(model.model_fields)
        inner = field.annotation
    return [".".join([*tables, name]) for name in inner.model_fields]
