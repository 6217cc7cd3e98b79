"""Which checks a project has."""

import json
from pathlib import Path

import pytest

from podium.adapters.checks.discovery import found_checks
from podium.errors import UserError
from tests.checks.projects import install, write

TEST = "def test_a():\n    pass\n"


def names(root: Path) -> list[str]:
    return [check.name for check in found_checks(root, None)]


@pytest.mark.parametrize(
    "files",
    [
        {"pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-q'\n"},
        {"setup.cfg": "[tool:pytest]\n"},
        {"tox.ini": "[pytest]\n"},
        {"pytest.ini": ""},
        {"conftest.py": ""},
        {"pkg/tests/test_a.py": TEST},
        {"a_test.py": TEST},
    ],
)
def test_pytest_is_found_by_its_settings_or_its_files(tmp_path: Path, files: dict[str, str]) -> None:
    assert names(write(tmp_path, files)) == ["pytest", "suspects"]


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"pyproject.toml": "[project]\nname = 'x'\n"},
        {"pyproject.toml": "not [toml"},
        {"node_modules/x/test_a.py": TEST},
        {"package.json": '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}'},
        {"package.json": "[]"},
        {"Makefile": "test := 3\nall:\n"},
    ],
)
def test_where_there_is_nothing_nothing_is_found(tmp_path: Path, files: dict[str, str]) -> None:
    assert names(write(tmp_path, files)) == []


def test_scripts_of_npm_are_checks_of_their_kind(tmp_path: Path) -> None:
    install(tmp_path / "bin", "npm")
    scripts = {"test": "vitest", "lint": "eslint .", "typecheck": "tsc", "build": "vite build", "deploy": "x"}
    root = write(tmp_path / "app", {"package.json": json.dumps({"scripts": scripts})})
    checks = found_checks(root, None)
    assert [(check.name, check.kind) for check in checks] == [
        ("npm:test", "test"),
        ("npm:lint", "lint"),
        ("npm:typecheck", "types"),
        ("npm:build", "build"),
    ]


def test_cargo_and_make_are_found(tmp_path: Path) -> None:
    install(tmp_path / "bin", "cargo", "make")
    assert names(write(tmp_path / "rust", {"Cargo.toml": ""})) == ["cargo:test"]
    assert names(write(tmp_path / "c", {"Makefile": "all:\n\ncheck: all\n\t./run\n"})) == ["make:check"]


def test_configured_checks_replace_those_found(tmp_path: Path) -> None:
    root = write(tmp_path, {"test_a.py": TEST})
    checks = found_checks(
        root, {"unit": "pytest -x tests", "lint": ["ruff", "check"], "all": "make a && make b"}
    )
    assert [(check.name, check.argv, check.kind) for check in checks[:3]] == [
        ("unit", ("{python}", "-m", "pytest", "-x", "tests"), "test"),
        ("lint", ("ruff", "check"), "lint"),
        ("all", ("sh", "-c", "make a && make b"), "test"),
    ]
    assert checks[3].name == "suspects"


@pytest.mark.parametrize("command", ["", [], [1], 3, "a 'b", None])
def test_a_configured_check_that_is_no_command_is_named(tmp_path: Path, command: object) -> None:
    with pytest.raises(UserError, match=r"checks\.unit"):
        found_checks(tmp_path, {"unit": command})


def test_a_configured_check_without_its_program_says_so_and_a_file_of_the_project_may_come_later(
    tmp_path: Path,
) -> None:
    place = tmp_path / ".venv" / "bin"
    place.mkdir(parents=True)
    for program in ("python", "lives-in-the-venv"):
        (place / program).write_text("#!/bin/sh\n", encoding="utf-8")
        (place / program).chmod(0o755)
    commands = {
        "a": "no-such-program -q",
        "b": ["lives-in-the-venv"],
        "c": "./later.sh",
        "d": "pytest",
        "e": "sh x",
    }
    told = {check.name: check.trouble for check in found_checks(tmp_path, commands) if check.trouble}
    assert told == {"a": "there is no program 'no-such-program' here"}
