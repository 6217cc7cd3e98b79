"""Where a prompt may be cached is marked for Anthropic's models, and for nobody else; through litellm, over HTTP."""

import json
from dataclasses import replace
from typing import Any

import pytest

from podium.adapters.models.cache_marks import marked, wants_marks
from podium.adapters.models.client import ModelProcess
from podium.errors import ModelUnavailable
from podium.ports import Json, ModelRequest
from tests.models.provider import Provider, fails, says

pytestmark = pytest.mark.anyio

CALL: Json = {"id": "c1", "type": "function", "function": {"name": "read_file", "arguments": "{}"}}
TOOL: dict[str, Json] = {
    "type": "function",
    "function": {
        "name": "read_file",
        "description": "Read.",
        "parameters": {"type": "object", "properties": {}},
    },
}
MESSAGES: tuple[dict[str, Json], ...] = (
    {"role": "system", "content": "The rules."},
    {"role": "user", "content": "Your task."},
    {"role": "assistant", "content": "I look.", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "text"},
)
REQUEST = ModelRequest("r1", "anthropic/tiny", "worker", MESSAGES, (TOOL,))
REFUSAL = fails(400, "messages.0.content.0.cache_control: Extra inputs are not permitted")


def marks(body: dict[str, Any]) -> list[str]:
    """Return the texts that are marked, the system's first."""
    contents: list[list[dict[str, Any]]] = [body["system"], *(m["content"] for m in body["messages"])]
    found = [block for blocks in contents for block in blocks if "cache_control" in block]
    return [json.dumps(block.get("text") or block.get("content")) for block in found]


async def test_the_mission_the_opening_and_the_end_are_marked(model: ModelProcess) -> None:
    async with Provider([says("a")]) as provider:
        await model.complete(replace(REQUEST, api_base=provider.url))
    said = marks(provider.requests[0].body)
    assert len(said) == 3
    for text, mark in zip(("The rules.", "Your task.", "text"), said, strict=True):
        assert text in mark


async def test_marks_that_are_refused_are_not_sent_again(model: ModelProcess) -> None:
    async with Provider([REFUSAL, says("a"), says("b")]) as provider:
        for text in ("a", "b"):
            answer = await model.complete(replace(REQUEST, api_base=provider.url))
            assert answer.message["content"] == text
    bodies = [request.body for request in provider.requests]
    assert ["cache_control" in json.dumps(body) for body in bodies] == [True, False, False]


async def test_other_refusals_are_told(model: ModelProcess) -> None:
    async with Provider([fails(400, "Unknown parameter foo")]) as provider:
        with pytest.raises(ModelUnavailable, match="Unknown parameter foo"):
            await model.complete(replace(REQUEST, api_base=provider.url))
    assert len(provider.requests) == 1


async def test_other_providers_get_no_marks(model: ModelProcess) -> None:
    for name in ("openai/tiny", "hosted_vllm/tiny"):
        async with Provider([says("a")]) as provider:
            await model.complete(replace(REQUEST, model=name, api_base=provider.url))
        assert "cache_control" not in json.dumps(provider.requests[0].body)


def test_a_mark_changes_nothing_else() -> None:
    assert [m.get("role") for m in marked(MESSAGES)] == [m["role"] for m in MESSAGES]
    assert marked(MESSAGES)[2] is MESSAGES[2]
    assert marked(MESSAGES[:1]) == [
        {
            "role": "system",
            "content": [{"type": "text", "text": "The rules.", "cache_control": {"type": "ephemeral"}}],
        }
    ]


@pytest.mark.parametrize(
    ("name", "wants"),
    [
        ("anthropic/claude-sonnet-4-5", True),
        ("bedrock/us.anthropic.claude-3-5-haiku-20241022-v1:0", True),
        ("openrouter/anthropic/claude-sonnet-4", True),
        ("vertex_ai/claude-3-5-sonnet", True),
        ("openai/gpt-4o", False),
        ("gemini/gemini-2.5-pro", False),
        ("ollama/qwen3", False),
    ],
)
def test_who_wants_marks_is_known_by_name(name: str, wants: bool) -> None:
    assert wants_marks(name) is wants
