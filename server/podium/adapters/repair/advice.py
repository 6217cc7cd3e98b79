"""What builtin/repair says when it cannot go on: what it can do, and what to configure."""

from podium.errors import ModelUnavailable

_CONFIGURE = "set `model` (for example openai/gpt-5-mini) and an API key, or `api_base` for a local model"


def green_already() -> ModelUnavailable:
    """There is nothing to repair."""
    return ModelUnavailable(
        "The checks are already green, and builtin/repair only repairs failing Python tests; "
        f"to work on anything else, {_CONFIGURE}."
    )


def no_pytest() -> ModelUnavailable:
    """The project has no check that this engine can work with."""
    return ModelUnavailable(
        "builtin/repair repairs Python code with failing pytest tests, and this project has no pytest check; "
        f"for everything else, {_CONFIGURE}."
    )


def nothing_to_work_on(why: str) -> ModelUnavailable:
    """The tests fail, but not in a way that a small edit of the project's code could mend."""
    return ModelUnavailable(
        f"builtin/repair repairs small slips in Python code: {why}; for more, {_CONFIGURE}."
    )


def not_found(n_tried: int, paths: list[str]) -> ModelUnavailable:
    """Every candidate was tried in vain."""
    places = ", ".join(paths) or "the project"
    return ModelUnavailable(
        f"builtin/repair tried {n_tried} candidates in {places} and none made the tests pass; {_CONFIGURE}."
    )
