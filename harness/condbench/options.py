"""Options of plugins: their model, and from the text of a request or the values of a plan to an instance of it.

Called by `matrix` before anything runs, and by `building` in a cell's process. Models are pydantic's, and their modules
import no torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, JsonValue, ValidationError

from condbench.errors import UserError, unknown
from condbench.registry import Entry, resolve
from condbench.specs import Spec
from condbench.validation import explain

S = TypeVar("S", bound=Spec)

Values = dict[str, JsonValue]


def options_model(entry: Entry[S], reference: str) -> type[BaseModel]:
    """A plugin's model of its options.

    Raises:
        UserError: if its module cannot be imported, has no such name, or what it names is no model.
    """
    with entry.blamed(reference):
        model: object = resolve(reference)
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise TypeError(f"it is {model!r}, not a pydantic model")
    return model


def read_options(entry: Entry[S], reference: str, texts: Mapping[str, str], whose: str) -> tuple[Values, Values]:
    """All options of a plugin as they stand in a plan, and those of them that are not the defaults.

    Args:
        entry: the plugin's spec.
        reference: where its options are.
        texts: the options that are asked for, as they were written.
        whose: what an error calls the plugin, e.g. "the backbone 'flow'".

    Raises:
        UserError: for an unknown option, a value of another type or out of bounds, or an option that is needed and not
            given.
    """
    model = options_model(entry, reference)
    names = {field.alias or name for name, field in model.model_fields.items()}
    if model.model_config.get("extra") != "allow" and (surplus := [name for name in texts if name not in names]):
        # An author who does not forbid unknown options has them ignored; a typo on the command line must not be.
        raise UserError(f"{whose}: {unknown('key', surplus[0], names)}")
    with entry.blamed(reference):
        try:
            options: Values = model.model_validate_strings(texts).model_dump(mode="json", by_alias=True)
        except ValidationError as error:
            raise explain(error, whose, model) from None
        needed = {field.alias or name for name, field in model.model_fields.items() if field.is_required()}
        plain: Values = model.model_validate_strings({name: texts[name] for name in needed}).model_dump(
            mode="json", by_alias=True
        )
    return options, {key: value for key, value in options.items() if key in needed or value != plain.get(key)}


def restore_options(model: type[BaseModel], values: Mapping[str, JsonValue]) -> BaseModel:
    """An instance from the values of a plan, which are JSON's: an enumeration is its value again, a tuple a list.

    Raises:
        pydantic.ValidationError: if they do not suit the model.
    """
    return model.model_validate_json(json.dumps(values))
