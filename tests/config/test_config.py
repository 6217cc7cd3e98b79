"""Settings come from seven places, later ones winning; a repository's own file may only tighten them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from podium.config import Loaded, Settings, Sources, combined, environment_tree
from podium.domain.messages import Json
from podium.errors import UserError

EVERY: dict[str, Json] = {
    "model": "openai/gpt",
    "api_base": "http://localhost:1/v1",
    "api_key_env": "MY_KEY",
    "roles": {"worker": {"model": "cheap/one"}},
    "models": {"openai/gpt": {"tools": "text", "context_window": 8192}},
    "fallbacks": ["other/model"],
    "stall_s": 90.0,
    "max_parallel": 3,
    "max_iterations": 7,
    "budget": {"usd": 0.5, "tokens": 1000, "minutes": 2.0},
    "apply": "review",
    "approve_plan": True,
    "checks": {"tests": "make test", "lint": ["ruff", "check"]},
    "sandbox": "off",
    "policy": "deny",
    "resume": "auto",
    "on_disconnect": "detach",
    "keep": {"missions": 5, "conversations_days": 1.5, "undo_days": 9.0},
}
AS_TOML = """
model = "openai/gpt"
api_base = "http://localhost:1/v1"
api_key_env = "MY_KEY"
roles.worker.model = "cheap/one"
models."openai/gpt" = { tools = "text", context_window = 8192 }
fallbacks = ["other/model"]
stall_s = 90
max_parallel = 3
max_iterations = 7
budget = { usd = 0.5, tokens = 1000, minutes = 2.0 }
apply = "review"
approve_plan = true
checks = { tests = "make test", lint = ["ruff", "check"] }
sandbox = "off"
policy = "deny"
resume = "auto"
on_disconnect = "detach"
keep = { missions = 5, conversations_days = 1.5, undo_days = 9 }
"""
AS_ENVIRONMENT = {
    "PODIUM_MODEL": "openai/gpt",
    "PODIUM_API_BASE": "http://localhost:1/v1",
    "PODIUM_API_KEY_ENV": "MY_KEY",
    "PODIUM_ROLES__WORKER__MODEL": "cheap/one",
    "PODIUM_MODELS": '{ "openai/gpt" = { tools = "text", context_window = 8192 } }',
    "PODIUM_FALLBACKS": '["other/model"]',
    "PODIUM_STALL_S": "90",
    "PODIUM_MAX_PARALLEL": "3",
    "PODIUM_MAX_ITERATIONS": "7",
    "PODIUM_BUDGET__USD": "0.5",
    "PODIUM_BUDGET__TOKENS": "1000",
    "PODIUM_BUDGET__MINUTES": "2",
    "PODIUM_APPLY": "review",
    "PODIUM_APPROVE_PLAN": "true",
    "PODIUM_CHECKS": '{ tests = "make test", lint = ["ruff", "check"] }',
    "PODIUM_SANDBOX": "off",
    "PODIUM_POLICY": "deny",
    "PODIUM_RESUME": "auto",
    "PODIUM_ON_DISCONNECT": "detach",
    "PODIUM_KEEP__MISSIONS": "5",
    "PODIUM_KEEP__CONVERSATIONS_DAYS": "1.5",
    "PODIUM_KEEP__UNDO_DAYS": "9",
    "PATH": "/bin",
}
ON_THE_WIRE: dict[str, Json] = {
    **{name: value for name, value in EVERY.items() if "_" not in name},
    "models": {"openai/gpt": {"tools": "text", "contextWindow": 8192}},
    "keep": {"missions": 5, "conversationsDays": 1.5, "undoDays": 9.0},
    "apiBase": EVERY["api_base"],
    "apiKeyEnv": EVERY["api_key_env"],
    "stallS": EVERY["stall_s"],
    "maxParallel": EVERY["max_parallel"],
    "maxIterations": EVERY["max_iterations"],
    "approvePlan": EVERY["approve_plan"],
    "onDisconnect": EVERY["on_disconnect"],
}


def load(
    folder: Path,
    user: str = "",
    workspace: str = "",
    environment: Mapping[str, str] | None = None,
    editor: Mapping[str, Json] | None = None,
    command_line: Mapping[str, Json] | None = None,
) -> Loaded:
    user_file, workspace_file = folder / "user.toml", folder / "workspace.toml"
    user_file.write_text(user, encoding="utf-8")
    workspace_file.write_text(workspace, encoding="utf-8")
    return Sources(user_file, workspace_file, environment or {}, editor or {}, command_line or {}).load()


def test_every_setting_can_come_from_every_source(tmp_path: Path) -> None:
    wanted = Settings.model_validate(EVERY)
    assert set(EVERY) == set(Settings.model_fields), "a new setting belongs into this test"
    assert load(tmp_path, user=AS_TOML).settings == wanted
    assert load(tmp_path, environment=AS_ENVIRONMENT).settings == wanted
    assert load(tmp_path, editor=ON_THE_WIRE).settings == wanted
    assert load(tmp_path, command_line=EVERY).settings == wanted


def test_later_sources_win_and_leave_alone_what_they_do_not_name(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        user="model = 'user'\nmax_iterations = 50\nmax_parallel = 9\nfallbacks = ['a', 'b']\nbudget.usd = 1",
        workspace="max_iterations = 40\nmax_parallel = 8",
        environment={"PODIUM_MODEL": "environment", "PODIUM_MAX_PARALLEL": "7", "PODIUM_BUDGET__TOKENS": "5"},
        editor={"model": "editor", "maxParallel": 6, "fallbacks": ["c"]},
        command_line={"model": "command line"},
    ).settings
    assert (loaded.model, loaded.max_parallel, loaded.max_iterations) == ("command line", 6, 40)
    assert loaded.fallbacks == ("c",)
    assert (loaded.budget.usd, loaded.budget.tokens) == (1, 5)


def test_checks_of_a_later_source_replace_all_earlier_ones(tmp_path: Path) -> None:
    loaded = load(tmp_path, user="checks.a = 'x'", editor={"checks": {"b": "y"}})
    assert loaded.settings.checks == {"b": "y"}


def test_without_any_source_the_defaults_hold(tmp_path: Path) -> None:
    nowhere = Sources(tmp_path / "no.toml", None, {}, {}, {}).load()
    assert nowhere == Loaded(Settings.model_validate({}))
    assert nowhere.settings.model == "builtin/repair"


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"modle": "x"}, r"there is no setting `modle`; did you mean `model`\?"),
        ({"maxIteration": 1}, "did you mean `maxIterations`"),
        ({"budget": {"eur": 1}}, r"`budget.eur`; did you mean `budget\.usd`"),
        (
            {"roles": {"worker": {"modell": "x"}}},
            r"`roles\.worker\.modell`; did you mean `roles\.worker\.model`",
        ),
        ({"roles": {"boss": {"model": "x"}}}, r"the setting `roles\.boss"),
        ({"max_parallel": 51}, "the setting `maxParallel` is wrong|the setting `max_parallel` is wrong"),
        ({"budget": {"usd": 0}}, r"the setting `budget\.usd` is wrong"),
        ({"apply": "never"}, "the setting `apply` is wrong"),
        ({"model": ""}, "the setting `model` is wrong"),
    ],
)
def test_what_is_unknown_or_wrong_is_named_with_its_source(tree: dict[str, Json], said: str) -> None:
    with pytest.raises(UserError, match=said) as refused:
        combined([("the editor", tree)])
    assert str(refused.value).startswith("the editor: ")


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"user\.toml: not valid TOML"):
        load(tmp_path, user="model = ")


def test_a_table_and_a_value_of_one_name_in_the_environment_are_refused() -> None:
    with pytest.raises(UserError, match="cannot both be set"):
        environment_tree({"PODIUM_BUDGET": "1", "PODIUM_BUDGET__USD": "1"})


# --- the workspace's own file -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "model",
        "api_base",
        "api_key_env",
        "roles",
        "fallbacks",
        "sandbox",
        "policy",
        "resume",
        "on_disconnect",
    ],
)
def test_a_repository_cannot_choose_where_code_goes_or_how_it_runs(tmp_path: Path, name: str) -> None:
    line = next(line for line in AS_TOML.strip().split("\n") if line.startswith(name))
    loaded = load(tmp_path, workspace=line)
    assert loaded.settings == Settings.model_validate({})
    assert [warning.split("`")[1] for warning in loaded.warnings] == [name]


def test_a_repository_can_lower_limits_and_never_raise_them(tmp_path: Path) -> None:
    mine = "max_parallel = 5\nmax_iterations = 10\nbudget.usd = 1.0"
    lower = load(
        tmp_path, user=mine, workspace="max_parallel = 2\nbudget = { usd = 0.5, tokens = 9 }"
    ).settings
    assert (lower.max_parallel, lower.max_iterations, lower.budget.usd, lower.budget.tokens) == (
        2,
        10,
        0.5,
        9,
    )
    higher = load(tmp_path, user=mine, workspace="max_parallel = 6\nmax_iterations = 99\nbudget.usd = 2.0")
    assert (higher.settings.max_parallel, higher.settings.max_iterations, higher.settings.budget.usd) == (
        5,
        10,
        1,
    )


@pytest.mark.parametrize(
    "theirs",
    [
        "max_iterations = '500'",
        "max_parallel = 40.0",
        "budget.usd = '50'",
        "approve_plan = 'false'",
        "approve_plan = 0",
        "apply = 'end'",
    ],
)
def test_no_spelling_of_a_value_lets_a_repository_loosen_a_setting(tmp_path: Path, theirs: str) -> None:
    mine = "max_parallel = 5\nmax_iterations = 10\nbudget.usd = 1.0\napprove_plan = true\napply = 'review'"
    alone = load(tmp_path, user=mine).settings
    assert load(tmp_path, user=mine, workspace=theirs).settings == alone


def test_a_repository_can_ask_for_more_review_and_never_for_less(tmp_path: Path) -> None:
    stricter = load(tmp_path, workspace="apply = 'review'\napprove_plan = true").settings
    assert (stricter.apply, stricter.approve_plan) == ("review", True)
    mine = "apply = 'review'\napprove_plan = true"
    laxer = load(tmp_path, user=mine, workspace="apply = 'verified'\napprove_plan = false").settings
    assert (laxer.apply, laxer.approve_plan) == ("review", True)


def test_checks_of_a_repository_are_known_to_be_its_own(tmp_path: Path) -> None:
    theirs = "checks.tests = 'make'"
    assert load(tmp_path, workspace=theirs).repository_checks == {"tests"}
    assert not load(tmp_path, user=theirs).repository_checks
    both = load(
        tmp_path, user="checks.mine = 'make verify'", workspace="checks = {tests='true', mine='true'}"
    )
    assert both.settings.checks == {"mine": "make verify", "tests": "true"}
    assert both.repository_checks == {"tests"}
    assert any("`tests` comes from the repository" in warning for warning in both.warnings)
    assert not load(tmp_path, workspace=theirs, editor={"checks": {"tests": "true"}}).repository_checks


# --- what missions take from them ------------------------------------------------------------------


def test_a_role_uses_its_own_model_or_the_common_one() -> None:
    settings = Settings.model_validate(EVERY)
    assert settings.model_for("worker") == "cheap/one"
    assert settings.model_for("reviewer") == "openai/gpt"
    assert settings.with_model("one/for-all").model_for("worker") == "one/for-all"


def test_limits_are_those_of_the_settings_with_the_missions_own_budget() -> None:
    limits = Settings.model_validate(EVERY).with_budget({"usd": 9.0}).limits()
    assert (limits.iterations, limits.parallel, limits.tokens, limits.usd, limits.minutes) == (
        7,
        3,
        1000,
        9.0,
        2.0,
    )
