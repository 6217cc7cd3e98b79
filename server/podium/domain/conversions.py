"""Arguments of the wrong type that mean the right thing: JSON in a text, one thing for a list, null for nothing."""

import json
from collections.abc import Iterable, Sequence
from typing import TypeAlias, cast

from podium.domain.messages import Json

Place: TypeAlias = Sequence[str | int]
"""Where a value stands in the arguments: names and indexes, from the outside in."""


def converted(arguments: dict[str, Json], wrong: Iterable[tuple[Place, str]]) -> dict[str, Json]:
    """Return `arguments` with what can be taken for another type converted.

    `wrong` are the places of values, and what each should be: pydantic's type of the error (`list_type` ...).
    """
    result = cast("dict[str, Json]", json.loads(json.dumps(arguments)))
    for place, kind in wrong:
        holder = _at(result, place[:-1])
        key = place[-1] if place else ""
        if isinstance(holder, dict) and isinstance(key, str) and key in holder:
            if holder[key] is None:
                del holder[key]
            else:
                holder[key] = _as(kind, holder[key])
        elif isinstance(holder, list) and isinstance(key, int) and key < len(holder):
            holder[key] = _as(kind, holder[key])
    return result


def _at(value: Json, place: Place) -> Json:
    for key in place:
        if isinstance(value, dict) and isinstance(key, str):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and key < len(value):
            value = value[key]
        else:
            return None
    return value


def _as(kind: str, value: Json) -> Json:
    match kind, value:
        case "list_type" | "dict_type" | "mapping_type" | "model_type" | "model_attributes_type", str():
            read = _read(value)
            if isinstance(read, list if kind == "list_type" else dict):
                return read
            return [value] if kind == "list_type" and value.strip() else value
        case "list_type", dict():
            return [value]
        case "string_type", int() | float() if not isinstance(value, bool):
            return str(value)
        case _:
            return value


def _read(text: str) -> Json:
    try:
        return cast("Json", json.loads(text, strict=False))
    except ValueError:
        return None
