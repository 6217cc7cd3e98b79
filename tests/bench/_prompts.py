"""Prompts as providers cache them: how long they are, and how much of each repeats the beginning of an earlier one."""

import importlib.util
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def prompt(body: dict[str, Any]) -> str:
    """Return what a provider caches by: the tools, then the messages, without the closing bracket."""
    return json.dumps(body["tools"]) + json.dumps(body["messages"])[:-1]


def prefix_share(prompts: Sequence[str]) -> float:
    """Return the share of all characters that repeat the beginning of an earlier prompt."""
    return sum(repeated(prompts)) / sum(map(len, prompts))


def repeated(prompts: Sequence[str]) -> list[int]:
    """Return for each prompt how many of its characters repeat the beginning of an earlier one."""
    return [
        max((_common(prompt, earlier) for earlier in prompts[:n]), default=0)
        for n, prompt in enumerate(prompts)
    ]


def _common(one: str, other: str) -> int:
    """Return how many characters the two begin with alike."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low


def counting() -> tuple[Callable[[str], int], str]:
    """Return what counts the tokens of a text, and by what it counts them."""
    spec = importlib.util.find_spec("litellm")
    if spec is None or spec.origin is None:
        return lambda text: len(text) // 4, "characters / 4"
    os.environ["TIKTOKEN_CACHE_DIR"] = str(Path(spec.origin).parent / "litellm_core_utils" / "tokenizers")
    encoding: Any = importlib.import_module("tiktoken").get_encoding("cl100k_base")
    return lambda text: len(encoding.encode(text)), "cl100k"


def cached_tokens(
    prompts: Sequence[str], count: Callable[[str], int], least: int = 1024, step: int = 128
) -> list[int]:
    """Return how many tokens of each prompt a provider reads from its cache.

    By default as OpenAI does it: prefixes of 1,024 tokens and more, in steps of 128.
    """
    alike = [count(prompt[:n]) for prompt, n in zip(prompts, repeated(prompts), strict=True)]
    return [tokens // step * step if tokens >= least else 0 for tokens in alike]
