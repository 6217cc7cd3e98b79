"""Settings: one validated schema, laid together from several sources, later ones winning.

The order is: defaults, the user's file, the workspace's file, the environment, the editor, the command
line, a command's own arguments. The workspace's file comes with a cloned repository, so it may only
tighten: it can lower limits, ask for more review, and add checks that run in a sandbox. It never replaces
a check of the user's, and never chooses where code is sent.
"""

import difflib
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from podium.domain.events import Apply
from podium.domain.limits import Limits
from podium.domain.messages import Json
from podium.domain.pruning import Rules
from podium.domain.rights import Role
from podium.errors import UserError

DEFAULT_MODEL = "builtin/repair"
Tree = dict[str, Json]


class _Section(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, defer_build=True
    )


class RoleSettings(_Section):
    """What one role does differently from the rest."""

    model: str | None = Field(default=None, description="The model of this role, as litellm names it.")


class ModelSettings(_Section):
    """What is particular about one model."""

    tools: Literal["auto", "native", "text"] = Field(
        default="auto",
        description="How the model is offered tools: natively, in words, or as turns out to work.",
    )
    context_window: int | None = Field(
        default=None, ge=1000, description="Tokens that the model can read; learned where absent."
    )


class Budget(_Section):
    """What one mission may use up; absent means no limit."""

    usd: float | None = Field(default=None, gt=0, description="US dollars a mission may cost.")
    tokens: int | None = Field(
        default=None, gt=0, description="Tokens, prompt and completion, a mission may use."
    )
    minutes: float | None = Field(
        default=None, gt=0, description="Minutes that a mission may work, by a clock that nobody sets."
    )


class Keep(_Section):
    """What is kept of old missions. Age is counted from the workspace's latest mission."""

    missions: int = Field(default=100, ge=1, description="The latest missions are kept whole, however old.")
    conversations_days: float = Field(
        default=30.0, ge=0, description="Days after which the conversations of older ones are dropped."
    )
    undo_days: float = Field(
        default=180.0,
        ge=0,
        description="Days after which older ones are dropped altogether, and undo with them.",
    )


class Settings(_Section):
    """All settings. Names are snake case in files and camel case on the wire."""

    model: str = Field(
        DEFAULT_MODEL, min_length=1, description="The model of all roles, as litellm names it."
    )
    api_base: str | None = Field(default=None, description="Address of an OpenAI-compatible endpoint.")
    api_key_env: str | None = Field(default=None, description="Name of the variable that holds the key.")
    roles: dict[Role, RoleSettings] = Field(
        default_factory=dict[Role, RoleSettings], description="Settings by role."
    )
    models: dict[str, ModelSettings] = Field(
        default_factory=dict[str, ModelSettings], description="Settings by model, named as in `model`."
    )
    fallbacks: tuple[str, ...] = Field((), description="Models to try when the first cannot answer.")
    stall_s: float = Field(
        60.0, ge=1, description="Seconds without a byte of an answer after which it is asked for again."
    )
    max_parallel: int = Field(50, ge=1, le=50, description="Agents that may run at once.")
    max_iterations: int = Field(100, ge=1, le=10_000, description="Attempts a mission may make.")
    budget: Budget = Field(default_factory=lambda: Budget(), description="What a mission may use up.")
    apply: Apply = Field("verified", description="When changes reach the editor.")
    approve_plan: bool = Field(False, description="Whether a plan waits for the user's approval.")
    checks: dict[str, str | tuple[str, ...]] = Field(
        default_factory=dict, description="Checks by name; replaces those that Podium finds."
    )
    sandbox: Literal["auto", "off"] = Field(
        "auto", description="Whether checks run in a sandbox where one works."
    )
    policy: Literal["ask", "deny"] = Field(
        "ask", description="What becomes of a model's own command where there is no sandbox."
    )
    resume: Literal["ask", "auto", "off"] = Field(
        "ask",
        description="Whether interrupted missions go on at the next start: asks, by itself, or neither.",
    )
    on_disconnect: Literal["stop", "detach"] = Field(
        "stop",
        description="What missions do when the editor goes away: stop where they are, or go on without one.",
    )

    keep: Keep = Field(default_factory=lambda: Keep(), description="What is kept of old missions.")

    def model_for(self, role: Role) -> str:
        """Return the model that `role` uses."""
        special = self.roles.get(role)
        return (special and special.model) or self.model

    def other_models(self, tried: Collection[str]) -> tuple[str, ...]:
        """Return the configured models that are not among those `tried`."""
        configured = (self.model, *(r.model for r in self.roles.values() if r.model), *self.fallbacks)
        return tuple(dict.fromkeys(name for name in configured if name not in tried))

    def with_model(self, model: str) -> "Settings":
        """Return the settings with one model for all roles."""
        return self.model_copy(update={"model": model, "roles": {}})

    def with_overrides(self, overrides: Mapping[str, Json]) -> "Settings":
        """Return the settings with those that were given for one mission: `model`, for all roles, and `budget`."""
        settings = self
        if isinstance(model := overrides.get("model"), str):
            settings = settings.with_model(model)
        if isinstance(budget := overrides.get("budget"), dict):
            settings = settings.with_budget(budget)
        return settings

    def with_budget(self, limits: Mapping[str, Json]) -> "Settings":
        """Return the settings with other limits for one mission; what `limits` lacks stays."""
        budget = Budget.model_validate({**self.budget.model_dump(), **limits})
        return self.model_copy(update={"budget": budget})

    def pruning(self) -> Rules:
        """Return the rules by which old missions are dropped under these settings."""
        return Rules(self.keep.missions, self.keep.conversations_days, self.keep.undo_days)

    def limits(self) -> Limits:
        """Return the limits of a mission under these settings."""
        return Limits(
            iterations=self.max_iterations,
            parallel=self.max_parallel,
            tokens=self.budget.tokens,
            usd=self.budget.usd,
            minutes=self.budget.minutes,
        )


_BY_NAME: Mapping[str, type[BaseModel]] = {"roles": RoleSettings, "models": ModelSettings}
"""Settings that are tables of tables, by what their inner tables hold."""

_WORKSPACE_MAY_SET = frozenset(
    {"max_parallel", "max_iterations", "budget", "apply", "approve_plan", "checks"}
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings with what there is to say of them.

    `repository_checks` names the checks that came with the repository: they may only run in a sandbox.
    """

    settings: Settings
    warnings: tuple[str, ...] = ()
    repository_checks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Sources:
    """Where settings come from, in the order in which they win; an empty tree says nothing."""

    user_file: Path
    workspace_file: Path | None
    environment: Mapping[str, str]
    editor: Mapping[str, Json]
    command_line: Mapping[str, Json]

    def load(self) -> Loaded:
        """Read all sources.

        Raises:
            UserError: a source cannot be read, or sets something unknown or wrong.
        """
        user = (str(self.user_file), file_tree(self.user_file))
        later = [
            ("environment", environment_tree(self.environment)),
            ("editor settings", self.editor),
            ("command line", self.command_line),
        ]
        workspace: Tree = {}
        warnings: list[str] = []
        if self.workspace_file is not None:
            given, warnings = workspace_tree(self.workspace_file)
            theirs = combined([(str(self.workspace_file), given)])
            workspace = tightened(combined([user]), theirs, given)
        settings = combined([user, (str(self.workspace_file), workspace), *later])
        own = combined([user, *later]).checks
        theirs = frozenset(name for name in settings.checks if name not in own)
        warnings += [
            f"the check `{name}` comes from the repository: {settings.checks[name]}"
            for name in sorted(theirs)
        ]
        return Loaded(settings, tuple(warnings), theirs)


def combined(sources: Iterable[tuple[str, Mapping[str, Json]]]) -> Settings:
    """Return the settings of `sources`, each a name for messages and a tree, later ones winning.

    Raises:
        UserError: a name is unknown (with the nearest one) or a value is of the wrong kind; the message
            names the source and the setting.
    """
    tree: Tree = {}
    settings = Settings.model_validate(tree)
    for source, values in sources:
        tree = _merged(tree, _snake(Settings, values, source, ()))
        try:
            settings = Settings.model_validate(tree)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = ".".join(str(part) for part in first["loc"])
            raise UserError(f"{source}: the setting `{name}` is wrong: {first['msg'].lower()}.") from error
    return settings


def workspace_tree(path: Path) -> tuple[Tree, list[str]]:
    """Return what a workspace's file may set, and a sentence for each name that it may not set."""
    tree = file_tree(path)
    refused = [
        f"{path}: `{name}` is ignored, because a repository may not set it; put it into your own settings."
        for name in tree
        if name not in _WORKSPACE_MAY_SET
    ]
    return {name: value for name, value in tree.items() if name in _WORKSPACE_MAY_SET}, refused


def tightened(mine: Settings, theirs: Settings, names: Iterable[str]) -> Tree:
    """Return what a repository's settings (`theirs`, of which it set `names`) change in the user's own.

    Values are compared after validation, so that no spelling of a value gets around the comparison.
    """
    tree: Tree = {}
    for name in names:
        match name:
            case "max_parallel" | "max_iterations":
                tree[name] = min(getattr(mine, name), getattr(theirs, name))
            case "budget":
                limits = [mine.budget.model_dump(), theirs.budget.model_dump()]
                tree[name] = {
                    unit: min(set_limits)
                    for unit in limits[0]
                    if (set_limits := [limit[unit] for limit in limits if limit[unit] is not None])
                }
            case "apply":
                tree[name] = (
                    theirs.apply if mine.apply == "verified" or theirs.apply == "review" else mine.apply
                )
            case "approve_plan":
                tree[name] = mine.approve_plan or theirs.approve_plan
            case "checks":
                own = mine.model_dump(mode="json")["checks"]
                tree[name] = {**theirs.model_dump(mode="json")["checks"], **own}
            case _:
                raise AssertionError(f"a repository may not set {name}")
    return tree


def file_tree(path: Path) -> Tree:
    """Return the settings in a TOML file; nothing where there is no file.

    Raises:
        UserError: the file is not TOML, or cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid TOML: {error}.") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}.") from error


def environment_tree(environ: Mapping[str, str]) -> Tree:
    """Return the settings in `PODIUM_*` variables; `__` goes one level down, as in `PODIUM_BUDGET__USD`.

    Values of lists and tables are TOML.
    """
    tree: Tree = {}
    for key, text in sorted(environ.items()):
        if not key.startswith("PODIUM_"):
            continue
        *parents, name = key.removeprefix("PODIUM_").lower().split("__")
        node = tree
        for parent in parents:
            below = node.setdefault(parent, {})
            if not isinstance(below, dict):
                raise UserError(f"{key} and PODIUM_{parent.upper()} cannot both be set.")
            node = below
        node[name] = _parsed(text)
    return tree


def _parsed(text: str) -> Json:
    if text[:1] in {"[", "{"}:
        try:
            return tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            return text
    return text


def _merged(base: Tree, over: Tree) -> Tree:
    result = dict(base)
    for name, value in over.items():
        below = result.get(name)
        both = isinstance(below, dict) and isinstance(value, dict)
        result[name] = _merged(below, value) if both and name != "checks" else value  # pyright: ignore[reportArgumentType]
    return result


def _snake(model: type[BaseModel], values: Mapping[str, Json], source: str, above: tuple[str, ...]) -> Tree:
    """Return `values` under their snake-case names.

    Raises:
        UserError: a name is unknown.
    """
    names = {name: name for name in model.model_fields} | {to_camel(n): n for n in model.model_fields}
    result: Tree = {}
    for given, value in values.items():
        name = names.get(given)
        if name is None:
            near = difflib.get_close_matches(given, names, n=1, cutoff=0.0)
            path = ".".join((*above, given))
            raise UserError(
                f"{source}: there is no setting `{path}`; did you mean `{'.'.join((*above, *near))}`?"
            )
        inner = model.model_fields[name].annotation
        if isinstance(value, dict) and isinstance(inner, type) and issubclass(inner, BaseModel):
            value = _snake(inner, value, source, (*above, name))
        elif isinstance(value, dict) and name in _BY_NAME:
            value = {
                key: _snake(_BY_NAME[name], v, source, (*above, name, key)) if isinstance(v, dict) else v
                for key, v in value.items()
            }
        result[name] = value
    return result
