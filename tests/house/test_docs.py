"""The documents say what the code does, and nothing is left out."""

import os
import re
import subprocess
from argparse import ArgumentParser
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from lsprotocol import types

from podium.adapters.processes import see_end
from podium.cli.arguments import parser
from podium.config import ModelSettings, RoleSettings, Settings, Sources
from podium.lsp import protocol, protocol_docs
from podium.lsp.host import Host
from podium.lsp.inbox import CANCEL_REQUEST, Inbox
from podium.lsp.server import build
from podium.lsp.session import Opened
from podium.lsp.transport import Outbox

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "server" / "podium"
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")

NOT_IN_THE_MAP = {"__init__.py"}


def tracked() -> list[Path]:
    """Return the files that git knows; in an export without git, none."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def cells(text: str) -> list[str]:
    """Return what stands as code in the first cell of each row of the tables in `text`."""
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")]
    return [code for row in rows for code in re.findall(r"`([^`]+)`", row)]


def commands_of(top: ArgumentParser) -> set[str]:
    """Return the names of the command line's commands, as its own help lists them."""
    usage = top.format_help().partition("exit codes:")[0]
    return set(re.findall(r"^ {4}([a-z]+)(?= {2,}|$)", usage, re.MULTILINE))


class OpenHost(Host):
    """A host that tells what is registered with it."""

    def methods(self) -> set[str]:
        return {*self._routes.requests, *self._routes.notifications}


def default_of(name: str) -> str:
    """Return the default of a setting as a file spells it; nothing where there is none."""
    value: object = Settings.model_validate({})
    for part in name.split("."):
        value = {"ROLE": RoleSettings(), "NAME": ModelSettings()}.get(part) or getattr(value, part)
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return f"{value:g}"
        case str():
            return value
        case _:
            return ""


@asynccontextmanager
async def never_opened(*_: object) -> AsyncGenerator[Opened]:
    raise AssertionError("nothing opens a workspace before `initialized`")
    yield


def test_the_protocol_page_is_what_the_protocol_module_renders() -> None:
    assert protocol_docs.render() == PROTOCOL, (
        "docs/protocol.md is out of date; render it: python -m podium.lsp.protocol_docs > docs/protocol.md"
    )


def test_every_module_is_in_the_code_map_and_every_entry_is_a_module() -> None:
    modules = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if path.name not in NOT_IN_THE_MAP and "demo_project" not in path.parts
    }
    mapped = {name for name in cells(ARCHITECTURE.partition("## Code map")[2]) if name.endswith(".py")}
    assert sorted(modules - mapped) == [], "missing in the code map of docs/architecture.md"
    assert sorted(mapped - modules) == [], "in the code map of docs/architecture.md, but no module"


def test_every_path_in_the_architecture_page_exists() -> None:
    named = re.findall(r"`((?:[a-z0-9_]+/)+(?:[a-z0-9_]+\.(?:py|md))?)`", ARCHITECTURE)
    missing = [name for name in named if not ((PACKAGE / name).exists() or (ROOT / name).exists())]
    assert missing == []


def test_every_command_of_the_command_line_is_in_the_readme() -> None:
    commands = commands_of(parser())
    assert {"task", "serve", "doctor"} <= commands
    documented = {code.split()[1] for code in cells(README) if code.startswith("podium ")}
    assert commands == documented


def test_every_command_of_the_protocol_has_a_section_of_its_own() -> None:
    assert [line[4:] for line in PROTOCOL.splitlines() if line.startswith("### podium.")] == [
        *protocol.COMMANDS
    ]


def test_every_setting_is_in_the_readme_with_its_default() -> None:
    table = README.partition("| setting | default |")[2].partition("\n\n")[0]
    rows = [row.split(" | ") for row in table.splitlines() if row.startswith("| `")]
    told = [
        pair
        for row in rows
        for pair in zip(row[0].strip("| ").split(" · "), row[1].split(" · "), strict=False)
    ]
    settings = {name.strip("`"): default.strip("`") for name, default in told}
    assert {name.split(".")[0] for name in settings} == {*Settings.model_fields}
    assert settings == {name: default_of(name) or settings[name] for name in settings}


@pytest.mark.anyio
async def test_the_server_answers_exactly_the_methods_that_the_protocol_lists() -> None:
    sources = Sources(Path("none.toml"), None, {}, {}, {})
    outbox = Outbox(os.open(os.devnull, os.O_WRONLY), lost=lambda: None)
    async with anyio.create_task_group() as tasks:
        host = OpenHost(Inbox(), outbox, tasks, tasks, see_end, 1.0)
        build(host, sources, never_opened)
        assert {*host.methods(), CANCEL_REQUEST} == set(protocol.ANSWERED)
    outbox.close(1.0)


def test_the_server_sends_exactly_the_methods_that_the_protocol_lists() -> None:
    sends = re.compile(r"\.(?:ask|notify|notify_if_room)\(\s*(?:types\.([A-Z_]+)|\"([^\"]+)\")")
    sent = {CANCEL_REQUEST}
    for path in [*(PACKAGE / "lsp").glob("*.py"), *(PACKAGE / "lsp/features").glob("*.py")]:
        if path.name in {"client.py", "client_answers.py"}:
            continue  # the other side of the wire
        for constant, literal in sends.findall(path.read_text(encoding="utf-8")):
            sent.add(str(getattr(types, constant)) if constant else literal)
    assert sent == {*protocol.SENT, *protocol.NOTIFICATIONS}


def test_change_fragments_are_named_by_topic_and_kind() -> None:
    names = [path.name for path in (ROOT / "docs/changes").iterdir() if path.name != "README.md"]
    assert [name for name in names if not re.fullmatch(r"[a-z-]+\.(added|changed|fixed)\.md", name)] == []


def test_no_file_mentions_a_path_of_the_machine_that_it_was_written_on() -> None:
    of_a_machine = re.compile(rf"(?<![\w./-]){re.escape(str(ROOT))}(?![\w-])".encode())
    mention = [
        path.relative_to(ROOT).as_posix() for path in tracked() if of_a_machine.search(path.read_bytes())
    ]
    assert mention == []
