"""What models cost, and how much they can read: read from the price list that litellm ships, without importing litellm.

The list is the file of the installed release; nothing is fetched.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from podium.adapters.models.answers import Counted

_FILE = "model_prices_and_context_window_backup.json"
_LONG_PROMPT = 272_000
_LONG_SUFFIX = "_above_272k_tokens"


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for one token of the prompt, of its cached part, and of the answer."""

    prompt: float
    cached: float
    completion: float

    def of(self, counted: Counted) -> float:
        """Return what these tokens cost in US dollars."""
        fresh = counted.prompt - counted.cached
        return fresh * self.prompt + counted.cached * self.cached + counted.completion * self.completion


@dataclass(frozen=True, slots=True)
class Prices:
    """What one model costs, for prompts of up to 272,000 tokens and for longer ones."""

    usual: Price
    long: Price

    def of(self, counted: Counted) -> float:
        """Return what an answer with these tokens cost in US dollars."""
        return (self.long if counted.prompt > _LONG_PROMPT else self.usual).of(counted)


@cache
def openai_prices(name: str) -> Prices | None:
    """Return the prices of OpenAI's model `name`, or None where they are unknown; reads a file of 3 MB."""
    listed = _list().get(name)
    if listed is None or listed.get("litellm_provider") != "openai" or "input_cost_per_token" not in listed:
        return None
    return Prices(_price(listed, ""), _price(listed, _LONG_SUFFIX))


def listed_window(model: str) -> int | None:
    """Return how many tokens `model` (as litellm names it) can read, or None; reads a file of 3 MB."""
    listed = _list()
    entry = listed.get(model) or listed.get(model.partition("/")[2]) or {}
    tokens = entry.get("max_input_tokens")
    return tokens if isinstance(tokens, int) else None


def _list() -> dict[str, dict[str, Any]]:
    litellm = find_spec("litellm")  # finds the package without running it
    if litellm is None or litellm.origin is None:
        return {}
    file = Path(litellm.origin).parent / _FILE
    return cast("dict[str, dict[str, Any]]", json.loads(file.read_bytes())) if file.is_file() else {}


def _price(listed: dict[str, Any], suffix: str) -> Price:
    def cost(kind: str, otherwise: float) -> float:
        return float(listed.get(kind + suffix) or listed.get(kind) or otherwise)

    prompt = cost("input_cost_per_token", 0.0)
    return Price(prompt, cost("cache_read_input_token_cost", prompt), cost("output_cost_per_token", 0.0))
