"""Tool calls that a model wrote into its text: the forms that models are trained on, read as calls.

What is marked as a call counts as one, readable or not: the model is told what is wrong with it. What is not
marked (JSON in a fence, a bare object, a line of Python) counts only where it can mean nothing else: it has
exactly the name of a tool and its arguments, and nothing follows it. Whatever is quoted in a sentence stays text.
"""

import ast
import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import cast

from podium.domain.lenient_json import read_object
from podium.domain.messages import Json

_NAMES = ("name", "tool", "tool_name", "function", "function_name", "action")
_ARGUMENTS = ("arguments", "parameters", "args", "params", "input", "tool_input", "action_input", "kwargs")

_FENCE = re.compile(r"^[ \t]*```[ \t]*(\w*)[ \t]*\n(.*?)\n?^[ \t]*```[ \t]*$", re.MULTILINE | re.DOTALL)
_TAGGED = re.compile(
    r"<(tool_?calls?|function_?calls?)>\s*(.*?)\s*(?:</\1>|(?=<\1>)|\Z)", re.DOTALL | re.IGNORECASE
)
_FUNCTION = re.compile(r"<function=([\w.:-]+)>\s*(.*?)\s*(?:</function>|(?=<function=)|\Z)", re.DOTALL)
_INVOKE = re.compile(
    r"<(\w+:)?invoke name=\"([^\"]+)\">\s*(.*?)\s*(?:</(?:\w+:)?invoke>|(?=<(?:\w+:)?invoke )|\Z)", re.DOTALL
)
_WRAPPER = re.compile(r"</?(?:\w+:)?(?:function_calls|tool_calls?|invokes?)>", re.IGNORECASE)
_PARAMETER = re.compile(
    r"<(?:\w+:)?parameter(?:=| name=\")([\w.-]+)\"?>(.*?)(?:</(?:\w+:)?parameter>|(?=<(?:\w+:)?parameter[= ])|\Z)",
    re.DOTALL,
)
_KEY_VALUE = re.compile(r"<arg_key>\s*(.*?)\s*</arg_key>\s*<arg_value>(.*?)(?:</arg_value>|\Z)", re.DOTALL)
_BRACKETED = re.compile(r"\[TOOL_CALLS\]\s*(.*)\Z", re.DOTALL)
_NAMED = re.compile(r"([\w.:-]+)\s*(?:\[(?:CALL_ID|ARGS)\][^{\[]*)*\s*(?=\{)")
_SPECIAL = re.compile(
    r"<[|｜]tool[_▁]call[_▁]begin[|｜]>\s*(.*?)\s*(?:<[|｜]tool[_▁]call[_▁]end[|｜]>|\Z)", re.DOTALL
)
_SEPARATOR = re.compile(r"<[|｜](?:tool[_▁]sep|tool_call_argument_begin)[|｜]>")
_SECTION = re.compile(r"<[|｜]tool[_▁]calls?(?:[_▁]section)?[_▁](?:begin|end)[|｜]>")
_PYTHON_TAG = re.compile(r"<\|python_tag\|>\s*(.*?)\s*(?:<\|eom_id\|>|<\|eot_id\|>|\Z)", re.DOTALL)
_OBJECT_AT_END = re.compile(r"^(?=[{\[])", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class WrittenCall:
    """A call as a model wrote it; `arguments` is JSON, or what stands in its place and cannot be read."""

    name: str
    arguments: str


def written_calls(text: str, known: Collection[str]) -> tuple[str, list[WrittenCall]]:
    """Return the text without its calls, and the calls in order; `known` are the names of tools that exist."""
    for reader in (_invoked, _tagged, _functions, _special, _bracketed, _tagged_python):
        rest, calls = reader(text)
        if calls:
            return _without_wrappers(rest), calls
    return _unmarked(text, known)


def _without_wrappers(text: str) -> str:
    return _SECTION.sub("", _WRAPPER.sub("", text)).strip()


# --- what is marked as a call -----------------------------------------------------------------------


def _tagged(text: str) -> tuple[str, list[WrittenCall]]:
    calls = [call for match in _TAGGED.finditer(text) for call in _in_tag(match[2])]
    return _TAGGED.sub("", text), calls


def _in_tag(body: str) -> Iterator[WrittenCall]:
    if "<function=" in body:
        yield from _functions(body)[1]
        return
    if "<arg_key>" in body:
        name = body.partition("<arg_key>")[0].strip()
        yield WrittenCall(name, _from_texts(_KEY_VALUE.findall(body)))
        return
    calls = list(_in_json(body))
    if not calls and (named := _NAMED.match(body)):
        calls = [WrittenCall(named[1], body[named.end() :])]
    yield from calls or ([WrittenCall("", body)] if body else [])


def _functions(text: str) -> tuple[str, list[WrittenCall]]:
    calls = [WrittenCall(match[1], _parameters(match[2])) for match in _FUNCTION.finditer(text)]
    return _FUNCTION.sub("", text), calls


def _invoked(text: str) -> tuple[str, list[WrittenCall]]:
    calls = [WrittenCall(match[2], _parameters(match[3])) for match in _INVOKE.finditer(text)]
    return _INVOKE.sub("", text), calls


def _special(text: str) -> tuple[str, list[WrittenCall]]:
    calls: list[WrittenCall] = []
    for match in _SPECIAL.finditer(text):
        parts = _SEPARATOR.split(match[1])
        if parts[0].strip() == "function" and len(parts) == 2:  # DeepSeek V3: the type, the name, a fence
            name, _, arguments = parts[1].partition("\n")
        else:
            name, arguments = parts[0], parts[-1]
        calls.append(WrittenCall(re.sub(r":\d+$", "", name.strip()), arguments.strip()))
    return _SPECIAL.sub("", text), calls


def _bracketed(text: str) -> tuple[str, list[WrittenCall]]:
    match = _BRACKETED.search(text)
    if match is None:
        return text, []
    body = match[1].replace("[TOOL_CALLS]", "").strip()
    calls = list(_in_json(body)) or list(_named_objects(body)) or [WrittenCall("", body)]
    return text[: match.start()], calls


def _named_objects(body: str) -> Iterator[WrittenCall]:
    """Yield calls that stand as a name with an object behind it, one after another."""
    at = 0
    while named := _NAMED.match(body, at):
        try:
            _, end = json.JSONDecoder(strict=False).raw_decode(body, named.end())
        except ValueError:
            yield WrittenCall(named[1], body[named.end() :])
            return
        yield WrittenCall(named[1], body[named.end() : end])
        at = end + len(body[end:]) - len(body[end:].lstrip())


def _tagged_python(text: str) -> tuple[str, list[WrittenCall]]:
    match = _PYTHON_TAG.search(text)
    if match is None:
        return text, []
    return text[: match.start()], list(_in_json(match[1])) or [WrittenCall("", match[1])]


def _parameters(body: str) -> str:
    """Return the arguments in a tag: as JSON, or one tag for each."""
    given = _PARAMETER.findall(body)
    return _from_texts(given) if given else body or "{}"


def _from_texts(given: list[tuple[str, str]]) -> str:
    """Return arguments whose values are bare text as JSON; a line break next to a tag belongs to the tag."""
    return json.dumps({name: _one_break_less(value) for name, value in given}, ensure_ascii=False)


def _one_break_less(value: str) -> str:
    if value.startswith("\n"):
        return value[1:].removesuffix("\n") if value.endswith("\n") and len(value) > 1 else value[1:]
    return value


# --- what can mean nothing else ---------------------------------------------------------------------


def _unmarked(text: str, known: Collection[str]) -> tuple[str, list[WrittenCall]]:
    fences = list(_FENCE.finditer(text))
    found = [(match, calls) for match in fences if (calls := _in_fence(match[1].lower(), match[2], known))]
    if found and not text[found[-1][0].end() :].strip():
        rest = text
        for match, _ in reversed(found):
            rest = rest[: match.start()] + rest[match.end() :]
        return rest.strip(), [call for _, calls in found for call in calls]
    for match in _OBJECT_AT_END.finditer(text):
        calls = list(_in_json(text[match.start() :]))
        if _all_known(calls, known):
            return text[: match.start()].strip(), calls
    calls = list(_in_python(text, known))
    return ("", calls) if calls else (text, [])


def _in_fence(language: str, body: str, known: Collection[str]) -> list[WrittenCall]:
    calls = list(_in_json(body))
    if _all_known(calls, known):
        return calls
    return (
        list(_in_python(body, known)) if language in {"tool_code", "tool_call", "tool", "python", ""} else []
    )


def _all_known(calls: list[WrittenCall], known: Collection[str]) -> bool:
    return bool(calls) and all(call.name in known for call in calls)


def _in_json(text: str) -> Iterator[WrittenCall]:
    """Yield the calls that an object or a list of objects describes."""
    text = text.strip()
    values: list[Json]
    if text.startswith("["):
        try:
            value: Json = json.JSONDecoder(strict=False).decode(text)
        except ValueError:
            return
        values = value if isinstance(value, list) else []
    else:
        values = list(_objects(text))
    for value in values:
        yield from _described(value)


def _objects(text: str) -> Iterator[Json]:
    """Yield the objects that `text` consists of, or the one that it means."""
    decoder, found, at = json.JSONDecoder(strict=False), list[Json](), 0
    try:
        while at < len(text):
            value, end = decoder.raw_decode(text, at)
            found.append(value)
            at = end + len(text[end:]) - len(text[end:].lstrip(" \t\r\n,;"))
    except ValueError:
        found = []
    if not found and text.startswith("{"):
        try:
            found = [read_object(text)]
        except ValueError:
            return
    yield from found


def _described(value: Json) -> Iterator[WrittenCall]:
    """Yield the calls that a JSON value describes in one of the usual forms."""
    if not isinstance(value, dict):
        return
    if isinstance(inner := value.get("tool_calls"), list):
        for call in inner:
            yield from _described(call)
        return
    if isinstance(inner := value.get("function"), dict):
        value = inner
    name = next((value[key] for key in _NAMES if isinstance(value.get(key), str)), None)
    key = next((key for key in _ARGUMENTS if key in value), None)
    if name is None or key is None:
        return
    arguments = value[key]
    yield WrittenCall(
        str(name), arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    )


def _in_python(text: str, known: Collection[str]) -> Iterator[WrittenCall]:
    """Yield the calls of a text that is nothing but calls of known tools, with literal keyword arguments."""
    text = text.strip().removeprefix("[").removesuffix("]") if text.strip().startswith("[") else text.strip()
    if not any(text.startswith(f"{name}(") for name in known):
        return
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    values = [node.value for node in body if isinstance(node, ast.Expr)]
    nodes = [inner for value in values for inner in (value.elts if isinstance(value, ast.Tuple) else [value])]
    calls = [_python_call(node, known) for node in nodes]
    if len(values) == len(body) and all(calls):
        yield from cast("list[WrittenCall]", calls)


def _python_call(node: ast.expr, known: Collection[str]) -> WrittenCall | None:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in known):
        return None
    try:
        if len(node.args) == 1 and isinstance(node.args[0], ast.Dict) and not node.keywords:
            arguments: object = ast.literal_eval(node.args[0])
        elif node.args or any(keyword.arg is None for keyword in node.keywords):
            return None
        else:
            arguments = {keyword.arg: ast.literal_eval(keyword.value) for keyword in node.keywords}
        return WrittenCall(node.func.id, json.dumps(arguments, ensure_ascii=False))
    except (ValueError, TypeError):
        return None
