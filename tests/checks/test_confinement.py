"""What commands can see, reach and leave behind."""

import shutil
import socket
import venv
from pathlib import Path
from uuid import uuid4

import pytest

from podium.adapters.checks.sandbox import Sandbox, environment
from tests.checks.projects import (
    FIXED,
    NO_SANDBOX,
    PYTEST,
    SANDBOX,
    both_ways,
    calculator,
    candidate,
    git,
    needs_sandbox,
    opened,
    write,
)

pytestmark = pytest.mark.anyio


@both_ways
async def test_what_a_command_writes_is_discarded(tmp_path: Path, sandbox: Sandbox) -> None:
    root = calculator(tmp_path)
    async with opened(root, sandbox) as checks:
        first = await checks.run_command(candidate(root), "echo broken > calc.py; mkdir -p made/here; ls")
        second = await checks.run_command(candidate(root), "ls; cat calc.py")
    assert "made" in first.output
    assert "made" not in second.output
    assert "return a - b" in second.output
    assert first.tree_hash == second.tree_hash
    assert not (root / "made").exists()


@needs_sandbox
async def test_a_command_runs_at_the_workspaces_own_path(tmp_path: Path) -> None:
    root = calculator(tmp_path)
    async with opened(root) as checks:
        assert (await checks.run_command(candidate(root), "pwd")).output.strip() == str(root)


@needs_sandbox
async def test_files_outside_the_workspace_are_hidden_or_read_only(tmp_path: Path) -> None:
    root = calculator(tmp_path / "project")
    write(tmp_path, {"secret.txt": "do not read"})
    async with opened(root) as checks:
        hidden = await checks.run_command(candidate(root), f"cat {tmp_path}/secret.txt")
        home = await checks.run_command(
            candidate(root), "ls -A ~/.ssh ~/.config ~/.netrc ~/.gitconfig ~/.npmrc"
        )
        written = await checks.run_command(
            candidate(root), "touch /etc/podium-was-here || mount -o remount,rw /"
        )
        secrets = await checks.run_command(
            candidate(root), "cat ~/.cargo/credentials.toml ~/.cargo/credentials"
        )
    assert "do not read" not in hidden.output
    assert home.output.count("cannot access") == 5
    assert written.exit_code != 0
    assert "token" not in secrets.output


@needs_sandbox
async def test_the_network_cannot_be_reached_but_loopback_works_inside(tmp_path: Path) -> None:
    root = calculator(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        write(root, {"reach.py": f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 2)\n"})
        inside = "import socket\ns = socket.create_server(('127.0.0.1', 0))\nsocket.create_connection(s.getsockname())\n"
        write(root, {"inside.py": inside})
        async with opened(root) as checks:
            outside_result = await checks.run_command(candidate(root), "python reach.py")
            inside_result = await checks.run_command(candidate(root), "python inside.py")
    assert "ConnectionRefusedError" in outside_result.output
    assert inside_result.green, inside_result.output


@both_ways
async def test_no_key_of_a_provider_reaches_a_command(tmp_path: Path, sandbox: Sandbox) -> None:
    root = calculator(tmp_path)
    async with opened(
        root, sandbox, None, OPENAI_API_KEY="sk-abc", APP_KEY_FILE="abc", LC_ALL="C.UTF-8"
    ) as checks:
        output = (await checks.run_command(candidate(root), "env")).output
    assert "abc" not in output
    assert "LC_ALL=C.UTF-8" in output
    assert "CI=1" in output


def test_the_environment_is_an_allowlist() -> None:
    given = {"PATH": "/bin", "MY_APP_MODE": "x", "RUSTUP_TOKEN": "x", "LANG": "C", "AWS_PROFILE": "x"}
    assert {"PATH", "LANG"} == set(environment(given)) & set(given)


async def test_it_says_how_commands_are_confined(tmp_path: Path) -> None:
    root = calculator(tmp_path)
    async with opened(root, NO_SANDBOX) as checks:
        said = checks.describe()
    assert not said.confined
    assert "switched off" in said.sandbox
    assert "VIRTUAL_ENV" in said.interpreter
    assert said.checks == ("pytest: python -m pytest -q",)


@both_ways
async def test_secrets_that_git_does_not_track_are_not_there(tmp_path: Path, sandbox: Sandbox) -> None:
    root = calculator(tmp_path)
    write(
        root,
        {".env": "KEY=1", "id_rsa": "key", "tests/server.pem": "of the test suite", "conf/.env": "KEY=2"},
    )
    show = "cat .env id_rsa conf/.env tests/server.pem 2>/dev/null; true"
    async with opened(root, sandbox) as checks:
        without_git = await checks.run_command(candidate(root), show)
        git(root, "init", "-q")
        git(root, "add", "tests/server.pem")
        with_git = await checks.run_command(candidate(root), show)
    assert without_git.output == ""
    assert with_git.output == "of the test suite"


@needs_sandbox
async def test_an_environment_behind_a_link_works(tmp_path: Path) -> None:
    root = calculator(tmp_path / "project")
    elsewhere = Path.home() / f".podium-test-{uuid4().hex}"
    venv.create(elsewhere, system_site_packages=True, with_pip=False)
    try:
        (root / ".venv").symlink_to(elsewhere)
        async with opened(root, SANDBOX) as checks:
            result = await checks.run(candidate(root, calc=FIXED), PYTEST)
            said = checks.describe()
    finally:
        shutil.rmtree(elsewhere)
    assert result.green, result.output
    assert ".venv" in said.interpreter


async def test_dependency_directories_are_there_without_being_copied(tmp_path: Path) -> None:
    root = calculator(tmp_path)
    write(root, {"node_modules/left-pad/index.js": "pad", ".gitignore": "node_modules\n"})
    for sandbox in {SANDBOX, NO_SANDBOX}:
        async with opened(root, sandbox) as checks:
            result = await checks.run_command(
                candidate(root), "cat node_modules/left-pad/index.js; echo x > node_modules/y"
            )
        assert result.output.startswith("pad")
        assert (root / "node_modules" / "y").exists() is not sandbox.confines
        (root / "node_modules" / "y").unlink(missing_ok=True)
