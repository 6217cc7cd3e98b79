"""What the simulated model brings about without a workflow: asked once for each fault, its edits are applied."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from podium.domain.edits import apply_edit
from podium.errors import ToolError
from tests.bench._projects import Project
from tests.models.provider import Received
from tests.models.simulated import Fault, Simulated, task_of


@dataclass(frozen=True, slots=True)
class Shot:
    """What came of it: whether everything is right afterwards, and how many tokens it took."""

    right: bool
    tokens: int


def one_shot(model: str, project: Project, faults: Sequence[Fault], goals: Sequence[str]) -> Shot:
    """Return what `model` makes of the faults, each of which it is told with its code and one of the `goals`."""
    simulated = Simulated(project.faults)
    files = project.with_faults(faults)
    tokens = 0
    for fault, goal in zip(faults, goals, strict=True):
        lines = files[fault.path].splitlines(keepends=True)[fault.line - 1 : fault.end_line + 1]
        task = task_of(fault)
        told = f"# Task: {task['title']}\n{task['instructions']}\n\n# Your role: Worker\n{''.join(lines)}"
        messages = [{"role": "system", "content": goal}, {"role": "user", "content": told}]
        request = Received("/", {}, {"model": model, "messages": messages}, 0.0)
        answer = cast("dict[str, Any]", simulated.answer(request).body)
        tokens += answer["usage"]["prompt_tokens"] + answer["usage"]["completion_tokens"]
        for call in answer["choices"][0]["message"]["tool_calls"]:
            if call["function"]["name"] == "edit_file":
                _make(files, json.loads(call["function"]["arguments"]))
    return Shot(files == project.files, tokens)


def _make(files: dict[str, str], edit: dict[str, str]) -> None:
    """Make an edit, if it can be made."""
    try:
        files[edit["path"]] = apply_edit(files[edit["path"]], edit["old"], edit["new"], edit["path"]).text
    except ToolError:
        return
