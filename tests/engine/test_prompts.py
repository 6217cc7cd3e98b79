"""What prompts promise is so: their variables are given, and the tools that they name exist for who reads them."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from podium.domain.messages import Json
from podium.domain.rights import TOOLS_OF, Role
from podium.engine.briefs import tried_text
from podium.engine.roles import TEAM, filled, prompt
from podium.engine.tools.table import OFFERED, TOOLS

ENGINE = Path(__file__).parents[2] / "server" / "podium" / "engine"
PROMPTS = sorted(path.stem for path in (ENGINE.parent / "prompts").glob("*.md"))
READERS: dict[str, Role] = {
    "commander_advises": "commander",
    "commander_at_the_end": "commander",
    "commander_question": "commander",
    "commander_red_as_before": "commander",
    "commander_refused": "commander",
    "commander_stuck": "commander",
    "mending": "worker",
    "reviewer_objections": "reviewer",
    "reviewer_project": "reviewer",
    "worker_candidates": "worker",
    "worker_conflict": "worker",
    "steer": "worker",
    "text_tools": "worker",
    "worker_fix": "worker",
    "worker_rejected": "worker",
    "worker_unchanged": "worker",
    "task_reworded": "worker",
    **{spec.prompt: role for role, spec in TEAM.items()},
}


def variables(name: str) -> set[str]:
    return {field for _, field, _, _ in Formatter().parse(prompt(name)) if field is not None}


def fillings() -> Iterator[tuple[str, set[str]]]:
    """Yield each prompt that the engine fills in, with the names of the values that it gives."""
    for path in sorted(ENGINE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "filled":
                name = node.args[0]
                assert isinstance(name, ast.Constant), f"{path}: a prompt is named by a literal"
                yield str(name.value), {keyword.arg or "" for keyword in node.keywords}


def test_every_variable_of_a_prompt_is_given_where_it_is_filled_in_and_no_other() -> None:
    filled_in = dict(fillings())
    assert filled_in
    for name, given in filled_in.items():
        assert given == variables(name), name


def test_a_prompt_with_variables_is_filled_in_somewhere() -> None:
    filled_in = dict(fillings())
    assert {name for name in PROMPTS if variables(name)} <= filled_in.keys()


def test_every_prompt_is_read_by_somebody() -> None:
    assert set(PROMPTS) == {"common", "project", "knowledge", *READERS}


def test_a_missing_variable_is_an_error() -> None:
    with pytest.raises(KeyError):
        filled("worker_fix")


def test_braces_in_what_is_filled_in_stay_as_they_are() -> None:
    assert "{problems} {0}" in filled("worker_fix", problems="{problems} {0}")


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_prompt_names_only_tools_that_its_reader_has(name: str) -> None:
    words = set(
        re.findall(
            r"[a-z]+(?:_[a-z]+)+|\bfinish\b",
            prompt(name).replace("<tool_call>", "").replace("</tool_call>", ""),
        )
    )
    assert words & TOOLS.keys() <= set(TOOLS_OF[READERS[name]])
    unknown = words - TOOLS.keys() - variables(name)
    assert not unknown, f"neither tools nor variables: {unknown}"


@pytest.mark.parametrize("role", sorted(TEAM))
def test_a_role_is_told_of_a_tool_that_ends_its_turn(role: Role) -> None:
    told = "".join(prompt(name) for name, reader in READERS.items() if reader == role)
    deciding = {"sign_off", "change_plan"} if role == "commander" else {TOOLS_OF[role][-1]}
    deciding = {"finish"} if role == "worker" else {"submit_plan"} if role == "planner" else deciding
    assert all(name in told for name in deciding)


def test_the_description_of_a_tool_says_who_may_call_it() -> None:
    descriptions = {str(name): str(text) for name, text in map(_named, OFFERED)}
    assert [*descriptions] == [*TOOLS]
    for name, text in descriptions.items():
        owners = [role for role in TEAM if name in TOOLS_OF[role]]
        said = "" if len(owners) == len(TEAM) else ", ".join(owners).title() + ": "
        assert text == said + TOOLS[name].description


def _named(schema: dict[str, Json]) -> tuple[Json, Json]:
    function = schema["function"]
    assert isinstance(function, dict)
    return function["name"], function["description"]


def test_what_every_request_begins_with_stays_small() -> None:
    assert len(json.dumps(OFFERED)) + len(prompt("common")) < 8_500, (
        "each of a mission's requests carries this"
    )


def test_schemas_are_described_and_without_what_only_costs_tokens() -> None:
    for tool in TOOLS.values():
        schema = json.dumps(tool.schema())
        assert tool.description
        assert '"additionalProperties": false' not in schema
        assert tool.arguments.model_config.get("extra") == "forbid", "but unknown names are refused"
        assert "$ref" not in schema
        assert "$defs" not in schema
        assert '"type": "null"' not in schema


def test_every_tool_belongs_to_a_role() -> None:
    assert {name for tools in TOOLS_OF.values() for name in tools} == set(TOOLS)


def test_a_fresh_worker_is_told_also_of_an_attempt_that_changed_nothing() -> None:
    assert tried_text({(): "test_one failed"}) == "Nothing was changed.\nfailed: test_one failed"
