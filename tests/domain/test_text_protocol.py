"""Tools in words: what a model that cannot be offered any is told, and what is learned of it."""

import json

from podium.domain.acquaintance import Acquaintance
from podium.domain.messages import Json, Message
from podium.domain.text_protocol import described, in_words
from podium.engine.tools.table import OFFERED, TOOLS

SYSTEM: Message = {"role": "system", "content": "The rules."}
OPENING: Message = {"role": "user", "content": "Your task."}
TOLD: Message = {"role": "user", "content": "The user says: be quick."}


def call(number: int, name: str, arguments: str) -> dict[str, Json]:
    return {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": arguments}}


CALLS: Message = {
    "role": "assistant",
    "content": "I look.",
    "tool_calls": [call(1, "read_file", '{"path": "a.py"}'), call(2, "search", '{"pattern": "x"}')],
}
RESULTS: list[Message] = [
    {"role": "tool", "tool_call_id": "c2", "content": "a.py:1: x"},
    {"role": "tool", "tool_call_id": "c1", "content": "1\tx"},
]
CONVERSATION = (SYSTEM, OPENING, CALLS, *RESULTS, TOLD)


def test_calls_and_results_become_text_and_the_roles_take_turns() -> None:
    assert in_words(CONVERSATION, "Write calls.") == (
        {"role": "system", "content": "Write calls.\n\nThe rules."},
        OPENING,
        {
            "role": "assistant",
            "content": "I look.\n"
            '<tool_call>\n{"name": "read_file", "arguments": {"path": "a.py"}}\n</tool_call>\n'
            '<tool_call>\n{"name": "search", "arguments": {"pattern": "x"}}\n</tool_call>',
        },
        {
            "role": "user",
            "content": '<tool_result name="search">\na.py:1: x\n</tool_result>\n\n'
            '<tool_result name="read_file">\n1\tx\n</tool_result>\n\n'
            "The user says: be quick.",
        },
    )


def test_each_request_begins_with_the_bytes_of_the_one_before() -> None:
    before = json.dumps(in_words(CONVERSATION[:2], "Write calls."))
    assert json.dumps(in_words(CONVERSATION, "Write calls.")).startswith(before[:-1])


def test_every_tool_is_described_in_fewer_words_than_its_schema_takes() -> None:
    told = described(OFFERED)
    assert [line.partition("(")[0] for line in told.splitlines()] == [f"- {name}" for name in TOOLS]
    assert len(told) < len(json.dumps(OFFERED)) / 2
    assert 'submit_review(verdict: "approve" | "reject", findings?: [{path: string' in told


def test_a_model_that_never_called_a_tool_is_told_in_words_after_two_answers() -> None:
    once = Acquaintance().answered(natively=False, in_words=False)
    assert once.tools == "unproven"
    assert once.answered(natively=False, in_words=False).tools == "text"
    assert once.answered(natively=False, in_words=True).tools == "unproven", "it knows its tools"


def test_one_native_call_is_proof_until_the_endpoint_refuses() -> None:
    known = Acquaintance().answered(natively=True, in_words=False)
    for _ in range(5):
        known = known.answered(natively=False, in_words=False)
    assert known.tools == "native"
    assert known.refused_tools().tools == "text"
