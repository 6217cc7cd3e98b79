"""What a mission of ten tasks costs: prompt tokens, how many of them a provider's cache serves, and what that saves.

The mission is real (the server over stdio, checks that run, prompts over HTTP), its model a script that answers as a
good one would. What is billed is computed from the prompts that arrived, in their order, by the rule that OpenAI
publishes: a prefix that an earlier request had is read from the cache from 1,024 tokens on, in steps of 128.

"On" is what was sent, with cached tokens at a quarter of the price (gpt-4.1-mini's; other ratios are printed too).
"Off" is what was sent with every token at the full price. "Loose" has the cache but no care for prefixes: the role
first, then the task, then the mission, and each role offered only its own tools, which makes prompts shorter.
"""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import anyio

from podium.domain.messages import Json
from podium.domain.rights import TOOLS_OF, Role
from tests.bench._prompts import cached_tokens, counting, prefix_share, prompt
from tests.bench._server import serving
from tests.models.provider import Body, Provider, Received, Reply, calls

TASKS = 10
CACHED_PRICE = 0.25
"""What a cached token costs, compared with another one of the prompt."""
OTHER_PRICES = (0.5, 0.1, 0.0)
"""Of gpt-4o, of gpt-5 and Claude, and of a local server, where what it reuses costs nothing."""

MODULE = '''"""Part {n} of a small shop."""


def total_{n}(lines):
    """Return the sum of quantity times price over `lines`."""
    total = 0
    for quantity, price in lines:
        total += quantity + price
    return total


def label_{n}(lines):
    """Return a line of text for each entry of `lines`."""
    return "\\n".join(f"{{quantity}} x {{price}}" for quantity, price in lines)
'''
TEST = """from part_{n} import total_{n}


def test_total_{n}():
    assert total_{n}([(2, 10), (1, 5)]) == 25
"""


def run() -> dict[str, float | int | str | bool]:
    """Run the mission once and return its figures."""
    with tempfile.TemporaryDirectory() as folder:
        bodies, ended = anyio.run(_mission, Path(folder))
    count, counted_by = counting()
    sent = [prompt(body) for body in bodies]
    loose = [prompt(_undisciplined(body)) for body in bodies]
    tokens, loose_tokens = [*map(count, sent)], [*map(count, loose)]
    cached, loose_cached = cached_tokens(sent, count), cached_tokens(loose, count)
    off = float(sum(tokens))
    print(f"{TASKS} tasks, {len(bodies)} requests; tokens counted by {counted_by}; {ended}")
    print("cached token costs   billed: off     loose        on   saved against off")
    for price in (CACHED_PRICE, *OTHER_PRICES):
        on, as_loose = _billed(tokens, cached, price), _billed(loose_tokens, loose_cached, price)
        print(f"{price:18.2f}   {off:11,.0f}   {as_loose:7,.0f}   {on:7,.0f}   {1 - on / off:17.0%}")
    by_role = {
        role: sum(n for b, n in zip(bodies, tokens, strict=True) if _role(b) == role) for role in TOOLS_OF
    }
    print("prompt tokens by role:", ", ".join(f"{role} {n:,}" for role, n in by_role.items() if n))
    return {
        "requests": len(bodies),
        "prompt_tokens": sum(tokens),
        "prefix_share": round(prefix_share(sent), 4),
        "billed_tokens_saved": round(1 - _billed(tokens, cached, CACHED_PRICE) / off, 4),
        "cached_token_price": CACHED_PRICE,
        "loose_prompt_tokens": sum(loose_tokens),
        "loose_prefix_share": round(prefix_share(loose), 4),
        "signed_off": ended == "signed_off",
    }


def _billed(tokens: Sequence[int], cached: Sequence[int], price: float) -> float:
    return sum(tokens) - sum(cached) * (1 - price)


async def _mission(home: Path) -> tuple[list[Body], str]:
    """Return what was asked, in order, and how the mission ended."""
    project = home / "shop"
    project.mkdir()
    for n in range(TASKS):
        (project / f"part_{n}.py").write_text(MODULE.format(n=n), encoding="utf-8")
        (project / f"test_part_{n}.py").write_text(TEST.format(n=n), encoding="utf-8")
    os.environ["BENCH_KEY"] = "unused"
    async with Provider(_respond) as provider:
        options: Mapping[str, Json] = {
            "model": "openai/good",
            "apiBase": provider.url,
            "apiKeyEnv": "BENCH_KEY",
        }
        async with serving(project, options) as client:
            started = await client.execute("podium.task", {"goal": "Make the failing tests pass."})
            ended = await client.execute("podium.wait", {**started, "timeoutS": 400})
    return [request.body for request in provider.requests], str(ended["status"])


def _respond(request: Received) -> Reply:
    """Answer as a good model would, by what has been done in this conversation."""
    messages = cast("list[Body]", request.body["messages"])
    n_answers = sum(message["role"] == "assistant" for message in messages)
    opening = str(messages[1]["content"])
    match request.role:
        case "planner":
            looks = calls(("read_file", {"path": "part_0.py"}), ("run_command", {"command": "pytest"}))
            return [looks, calls(("submit_plan", {"tasks": [_task(n) for n in range(TASKS)]}))][n_answers]
        case "worker":
            n = opening.partition("total_")[2].partition("`")[0]
            edit = {
                "path": f"part_{n}.py",
                "old": "total += quantity + price",
                "new": "total += quantity * price",
            }
            return [
                calls(("read_file", {"path": f"part_{n}.py"}), ("read_file", {"path": f"test_part_{n}.py"})),
                calls(("edit_file", edit)),
                calls(("run_command", {"command": f"pytest test_part_{n}.py"})),
                calls(("finish", {"summary": "The price is multiplied."})),
            ][n_answers]
        case "reviewer":
            return calls(("submit_review", {"verdict": "approve", "findings": []}))
        case _:
            return calls(("sign_off", {"summary": "All totals are right."}))


def _task(n: int) -> dict[str, Any]:
    return {
        "id": f"t{n}",
        "title": f"Correct the total of part {n}",
        "instructions": f"`total_{n}` must return the sum of quantity times price. It adds the two.",
        "files": [f"part_{n}.py"],
        "checks": [f"pytest test_part_{n}.py"],
    }


def _role(body: Body) -> Role:
    told = str(body["messages"][1]["content"]).partition("# Your role: ")[2].partition("\n")[0]
    return cast("Role", told.lower())


def _undisciplined(body: Body) -> Body:
    """Return the request as it would be without care for prefixes."""
    system, opening, *rest = cast("list[Body]", body["messages"])
    task, mark, role = str(opening["content"]).partition("# Your role: ")
    own = TOOLS_OF[_role(body)]
    tools = [tool for tool in body["tools"] if tool["function"]["name"] in own]
    first = {**system, "content": f"{mark}{role}\n\n{task}\n\n{system['content']}"}
    return json.loads(json.dumps({"tools": tools, "messages": [first, *rest]}))
