"""What models answer, in all the forms in which they do, and what enters the conversation of it."""

import json
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.domain.answers import NOTHING, REPEATED, flaw_of, tool_name, understood, unreadable, was_written
from podium.domain.conversation import call_ids
from podium.domain.lenient_json import read_object
from podium.domain.messages import Json, Message
from podium.domain.text_calls import written_calls

KNOWN = ("read_file", "edit_file", "finish")
READ: list[tuple[str, Json]] = [("read_file", {"path": "a.py"})]
CODE = 'if a < b:\n    print("x")'


def said(text: str | None, finish_reason: str = "stop") -> Message:
    return understood({"role": "assistant", "content": text}, finish_reason, "worker-1.1", KNOWN)


def called(
    *calls: tuple[str, str], finish_reason: str = "tool_calls", ids: tuple[str | None, ...] = ()
) -> Message:
    tool_calls: list[Json] = [
        {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
        for (name, arguments), call_id in zip(
            calls, ids or [f"c{n}" for n, _ in enumerate(calls)], strict=True
        )
    ]
    message: Message = {"role": "assistant", "content": None, "tool_calls": tool_calls}
    return understood(message, finish_reason, "worker-1.1", KNOWN, {"taken"})


def calls_of(message: Message) -> list[tuple[str, Json]]:
    tool_calls = cast("list[dict[str, dict[str, str]]]", message.get("tool_calls", []))
    return [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in tool_calls]


# --- calls in the text ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>\n{"name": "read_file", "arguments": {"path": "a.py"}}\n</tool_call>',
        '<tool_call>{"name": "read_file", "arguments": {"path": "a.py"}}',
        '<tool_call>{"name": "read_file", "arguments": "{\\"path\\": \\"a.py\\"}"}</tool_call>',
        "<tool_call>\n<function=read_file>\n<parameter=path>\na.py\n</parameter>\n</function>\n</tool_call>",
        "<tool_call>read_file\n<arg_key>path</arg_key>\n<arg_value>a.py</arg_value>\n</tool_call>",
        '<function=read_file>{"path": "a.py"}</function>',
        '<function_calls>\n<invoke name="read_file">\n<parameter name="path">a.py</parameter>\n</invoke>\n</function_calls>',
        '<minimax:tool_call>\n<invoke name="read_file">\n<parameter name="path">a.py</parameter>\n</invoke>\n'
        "</minimax:tool_call>",
        '[TOOL_CALLS][{"name": "read_file", "arguments": {"path": "a.py"}}]',
        '[TOOL_CALLS]read_file[ARGS]{"path": "a.py"}',
        '[TOOL_CALLS] read_file {"path": "a.py"}',
        '<|python_tag|>{"name": "read_file", "parameters": {"path": "a.py"}}<|eom_id|>',
        '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>read_file\n```json\n{"path": "a.py"}\n'
        "```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        '<｜tool▁call▁begin｜>read_file<｜tool▁sep｜>{"path": "a.py"}<｜tool▁call▁end｜>',
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.read_file:0<|tool_call_argument_begin|>"
        '{"path": "a.py"}<|tool_call_end|><|tool_calls_section_end|>',
        '```json\n{"name": "read_file", "arguments": {"path": "a.py"}}\n```',
        'Let me look.\n\n```json\n{"tool": "read_file", "args": {"path": "a.py"}}\n```\n',
        '```tool_code\nread_file(path="a.py")\n```',
        '{"name": "read_file", "parameters": {"path": "a.py"}}',
        'I read it first.\n{"name": "read_file", "arguments": {"path": "a.py"}}',
        '{"type": "function", "function": {"name": "read_file", "arguments": {"path": "a.py"}}}',
        '{"tool_calls": [{"function": {"name": "read_file", "arguments": {"path": "a.py"}}}]}',
        'read_file(path="a.py")',
        '[read_file(path="a.py")]',
        'read_file({"path": "a.py"})',
        '<think>I could call <tool_call>{"name": "finish", "arguments": {}}</tool_call></think>\n'
        '<tool_call>{"name": "functions.read_file", "arguments": {"path": "a.py"}}</tool_call>',
    ],
)
def test_a_call_in_the_text_is_a_call(text: str) -> None:
    message = said(text)
    assert calls_of(message) == READ
    assert all(map(was_written, call_ids(message)))


@pytest.mark.parametrize(
    "text",
    [
        "I would call read_file(path='a.py') next.",
        'A call looks like {"name": "read_file", "arguments": {"path": "a.py"}}, does it not?',
        '```json\n{"name": "read_file", "arguments": {"path": "a.py"}}\n```\nis how a call would look.',
        '{"name": "someone", "arguments": {"age": 3}}',
        '{"name": "read_file"}',
        "print(1)",
        'data = read_file(path="a.py")',
        'read_file(path=name)\nfinish(summary="x")',
        "read_file is what I need",
        '{"path": "a.py"}',
    ],
)
def test_what_only_speaks_of_a_call_is_none(text: str) -> None:
    assert said(text) == {"role": "assistant", "content": text}


def test_several_calls_in_a_text_keep_their_order_and_what_is_said_around_them() -> None:
    message = said(
        'First:\n<tool_call>{"name": "read_file", "arguments": {"path": "a.py"}}</tool_call>\n'
        '<tool_call>{"name": "finish", "arguments": {"summary": "x"}}</tool_call>'
    )
    assert calls_of(message) == [*READ, ("finish", {"summary": "x"})]
    assert message["content"] == "First:"


def test_values_in_tags_are_taken_as_they_stand() -> None:
    text = (
        "<function=edit_file>\n<parameter=path>\na.py\n</parameter>\n<parameter=old>\n"
        f"{CODE}\n</parameter>\n<parameter=new></parameter>\n</function>"
    )
    assert calls_of(said(text)) == [("edit_file", {"path": "a.py", "old": CODE, "new": ""})]


def test_a_marked_call_that_cannot_be_read_is_a_call_with_a_problem() -> None:
    ((name, arguments),) = calls_of(said('<tool_call>{"name": "read_file", "arguments": {"pa</tool_call>'))
    assert name == "unnamed"
    assert isinstance(arguments, dict)
    assert unreadable(arguments)


@given(st.text(alphabet=st.sampled_from(list('<>{}[]()"=:,\n`|tool_call invoke function name read_file'))))
def test_no_text_is_too_strange(text: str) -> None:
    rest, calls = written_calls(text, KNOWN)
    assert calls or rest == text


# --- arguments --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        '{"path": "a.py",}',
        '{"path": "a.py"',
        '{"path": "a.py"}}',
        '{"path": "a.py"}</tool_call>',
        '```json\n{"path": "a.py"}\n```',
        '"{\\"path\\": \\"a.py\\"}"',
        "{'path': 'a.py'}",
    ],
)
def test_arguments_with_a_slip_are_read_as_they_are_meant(arguments: str) -> None:
    assert calls_of(called(("read_file", arguments))) == READ


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('{"old": "a\nb"}', "a\nb"),
        (r'{"old": "\d+\."}', r"\d+\."),
        (r'{"old": "it\'s"}', "it's"),
        (r'{"old": "a\tb\u00e9\\n",}', "a\tbé\\n"),
    ],
)
def test_what_stands_in_strings_is_kept(written: str, meant: str) -> None:
    assert read_object(written) == {"old": meant}


@pytest.mark.parametrize(
    "arguments", ['{"path": "a.p', '{"path": "a.py", ', '{"path"', "[1, 2]", "a.py", '{"a": tru']
)
def test_arguments_that_cannot_be_read_are_told_and_sent_back_as_json(arguments: str) -> None:
    ((_, given),) = calls_of(called(("read_file", arguments)))
    assert isinstance(given, dict)
    assert given["unreadable"] == arguments
    assert unreadable(given)


def test_a_cut_off_call_is_never_completed() -> None:
    cut = '{"path": "a.py", "content": "half"'
    ((_, given),) = calls_of(called(("write_file", cut), finish_reason="length"))
    assert isinstance(given, dict)
    assert "cut off" in unreadable(given)
    assert calls_of(called(("read_file", '{"path": "a.py"}'), finish_reason="length")) == READ


def test_only_the_beginning_of_what_cannot_be_read_is_kept() -> None:
    ((_, given),) = calls_of(called(("read_file", '{"path": "' + "x" * 50_000)))
    assert len(json.dumps(given)) < 600


@given(
    st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.integers() | st.lists(st.text(max_size=3)))
)
def test_what_is_json_is_read_as_json(value: dict[str, Json]) -> None:
    assert read_object(json.dumps(value)) == value
    assert read_object(json.dumps(value, ensure_ascii=False, indent=1)) == value


# --- names and ids ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "read_file",
        "functions.read_file",
        "readFile",
        "Read_File",
        "read-file",
        "read_file<|channel|>commentary",
    ],
)
def test_a_tool_is_known_however_its_name_is_spelled(name: str) -> None:
    assert tool_name(name, KNOWN) == "read_file"


@pytest.mark.parametrize(
    ("name", "sent"), [("no such tool!", "no_such_tool"), ("", "unnamed"), ("x" * 99, "x" * 64)]
)
def test_an_unknown_tool_keeps_a_name_that_may_be_sent(name: str, sent: str) -> None:
    assert tool_name(name, KNOWN) == sent


def test_every_call_has_an_id_of_its_own_in_its_conversation() -> None:
    read = ("read_file", '{"path": "a.py"}')
    message = called(read, read, read, read, ids=("c1", "c1", "taken", None))
    ids = call_ids(message)
    assert ids == ["c1", "worker-1.1.call-2", "worker-1.1.call-3", "worker-1.1.call-4"]
    assert not any(map(was_written, ids))


# --- what is no call --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<think>hm\n\nhm</think>\n\nDone.", "Done."),
        ("hm, the template opened it</think>Done.", "Done."),
        ("<thinking>never closed", NOTHING),
        ("<|channel|>analysis<|message|>hm<|end|>Done.", "Done."),
        ("", NOTHING),
        (None, NOTHING),
        ("  \n", NOTHING),
    ],
)
def test_thinking_does_not_enter_the_conversation(text: str | None, left: str) -> None:
    assert said(text) == {"role": "assistant", "content": left}


@pytest.mark.parametrize("unit", ["a", "Let me check.\n", "I will now read the file, then I edit it. ", "。"])
def test_an_answer_that_repeats_itself_without_end_is_cut(unit: str) -> None:
    text = str(said("First, a thought. " + unit * (20_000 // len(unit)), "length")["content"])
    assert text.startswith("First, a thought. " + unit.rstrip()[:30])
    assert text.endswith(REPEATED)
    assert len(text) < 700
    assert "without end" in flaw_of({"content": text}, "length")


def test_a_long_answer_that_does_not_repeat_itself_is_kept() -> None:
    text = "\n".join(f"- item {n} is a line of a long list" for n in range(500))
    assert said(text)["content"] == text


@pytest.mark.parametrize(
    ("text", "finish_reason", "told"),
    [
        ("", "stop", "empty"),
        ("", "length", "cut off"),
        ("So I thi", "length", "cut off"),
        ("I cannot help with that.", "refusal", "declined"),
        ("", "content_filter", "declined"),
        ("All is done.", "stop", "Only tool calls count"),
    ],
)
def test_what_was_wrong_is_told_briefly(text: str, finish_reason: str, told: str) -> None:
    flaw = flaw_of(said(text, finish_reason), finish_reason)
    assert told in flaw
    assert len(flaw) < 250
