"""Between plain JSON and typed values: lsprotocol's types, pydantic models, or JSON as it is.

Every failure to read what a client sent names the field, as the wire spells it.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import TypeVar, cast, get_args, get_origin

import attrs
from cattrs import transform_error
from cattrs.errors import BaseValidationError
from lsprotocol import converters, types
from pydantic import BaseModel, ValidationError

from podium.domain.messages import Json
from podium.lsp.messages import InvalidParams

T = TypeVar("T")

_converter = converters.get_converter()
_RESPONSES = {method: cast("type[object] | None", row[1]) for method, row in types.METHOD_TO_TYPES.items()}


@_converter.register_structure_hook_factory(lambda kind: get_origin(kind) is Sequence)
def _arrays_are_lists(kind: object) -> Callable[[object, object], object]:
    """Read an array as a list, as `json` does; cattrs gives a tuple or a list, depending on its version."""
    items: object = list[get_args(kind)]
    return lambda value, _: _converter.structure(value, cast("type[object]", items))


class Unreadable(Exception):
    """A value is not what its type says; the message names each field."""


def read_params(params: Json, kind: type[T]) -> T:
    """Return `params` as `kind`: a pydantic model or a class of lsprotocol. Missing params count as `{}`.

    Raises:
        InvalidParams: they do not fit; the message names each field.
    """
    if params is None:
        params = {}
    try:
        if issubclass(kind, BaseModel):
            return kind.model_validate(params)
        if not isinstance(params, dict):
            raise InvalidParams("params must be an object")
        return _structure(params, kind)
    except ValidationError as error:
        raise invalid_fields(error) from None
    except Unreadable as error:
        raise InvalidParams(f"invalid params: {error}") from None


def read_result(method: str, result: Json) -> object:
    """Return the client's `result` as LSP types it for `method`, else as it is.

    Raises:
        Unreadable: it does not fit, such as null where an object is due.
    """
    response = _RESPONSES.get(method)
    if response is None:
        return result
    return cast("object", getattr(_structure({"id": 0, "result": result}, response), "result", None))


def encode(message: dict[str, object]) -> bytes:
    """Return the body of a frame: JSON in ASCII, in which lone surrogates survive as escapes.

    Raises:
        TypeError: something in `message` has no form in JSON.
        ValueError: a number in it has none.
    """
    message = {"jsonrpc": "2.0", **message}
    return json.dumps(message, default=_plain, separators=(",", ":"), allow_nan=False).encode("ascii")


def invalid_fields(error: ValidationError) -> InvalidParams:
    """Return the answer to params that a pydantic model refused; it names each field."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    told = "; ".join(f"{_path(fault['loc'])}: {fault['msg']}" for fault in faults)
    fields: list[Json] = [_path(fault["loc"]) for fault in faults]
    return InvalidParams(f"invalid params: {told}", {"fields": fields})


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if attrs.has(type(value)):
        return _converter.unstructure(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _path(loc: tuple[int | str, ...]) -> str:
    return (
        "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc).lstrip(".") or "params"
    )


def _structure(value: Json, into: type[T]) -> T:
    try:
        return _converter.structure(value, into)
    except (BaseValidationError, TypeError, ValueError, KeyError, AttributeError) as error:
        told = (_camel(line) for line in transform_error(error, path=""))
        raise Unreadable("; ".join(told)) from None


def _camel(fault: str) -> str:
    """Return one of cattrs' sentences with the field's path in front, spelled as on the wire."""
    sentence, _, path = fault.rpartition(" @ ")
    path = re.sub(r"(?<=[a-z])_([a-z])", lambda match: match[1].upper(), path).lstrip(".")
    return f"{path}: {sentence}" if path else sentence
