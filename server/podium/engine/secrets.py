"""Secrets in what a model writes: it was shown placeholders (`domain.masking`), and its edits mean what they stand for."""

import json
from collections.abc import Iterator, Mapping
from typing import cast

from podium.domain.masking import Mask, merged, placeholders, restored
from podium.domain.messages import Json
from podium.engine.tree import CandidateTree
from podium.errors import ToolError

_WRITE = frozenset({"edit_file", "write_file", "try_edits"})


def with_secrets(tool: str, arguments: dict[str, Json], tree: CandidateTree, mask: Mask) -> dict[str, Json]:
    """Return the arguments of a call with the secrets of the files that it names in place of their placeholders.

    Raises:
        ToolError: a placeholder stands for nothing in those files, so that it would itself be written.
    """
    written = placeholders(json.dumps(arguments)) if tool in _WRITE else frozenset[str]()
    if not written:
        return arguments
    texts = [tree.text(path).text for path in _paths(arguments) if tree.read(path) is not None]
    secrets = merged(mask.found(text) for text in texts)
    known = secrets.keys() | {name for text in texts for name in placeholders(text)}
    if unknown := sorted(written - known):
        raise ToolError(
            f"{', '.join(unknown)} stands for a secret that is not in this file, so it cannot be written there; "
            "leave it out, or have the code read the secret from the environment."
        )
    return cast("dict[str, Json]", restored(arguments, secrets))


def _paths(value: Json) -> Iterator[str]:
    """Give every `path` in the arguments of a call."""
    if isinstance(value, list):
        for item in value:
            yield from _paths(item)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            if name == "path" and isinstance(item, str):
                yield item
            else:
                yield from _paths(item)
