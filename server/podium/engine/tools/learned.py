"""The argument by which agents leave facts to later missions."""

from typing import Annotated, cast

from pydantic import BeforeValidator


def _by_fact(value: object) -> object:
    """Return facts without a place as a map; they do no harm, and nobody keeps them."""
    facts = [value] if isinstance(value, str) else value
    return dict.fromkeys(cast("list[object]", facts), "") if isinstance(facts, list) else facts


Learned = Annotated[dict[str, str], BeforeValidator(_by_fact)]
"""The place of each fact."""
