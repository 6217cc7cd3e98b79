"""A change is verified by the tests that it reaches, or by all of them where that cannot be told."""

import pytest

from podium.domain.aiming import folders_of_tests, reached_tests
from podium.domain.imports import ImportGraph

PROJECT = ImportGraph.of(
    {
        "app/__init__.py": b"",
        "app/one.py": b"",
        "app/two.py": b"",
        "app/fixed.py": b"",
        "tests/test_one.py": b"from app.one import f",
        "tests/test_two.py": b"from app.two import f",
        "tests/sub/conftest.py": b"import app.fixed",
        "tests/sub/test_fixed.py": b"",
        "more/test_more.py": b"import app.one",
    }
)
PYTEST = ("{python}", "-m", "pytest", "-q")


@pytest.mark.parametrize(
    ("edited", "tests"),
    [
        (["app/one.py"], ("more/test_more.py", "tests/test_one.py")),
        (["tests/test_two.py"], ("tests/test_two.py",)),
        (["app/fixed.py"], ("tests/sub/test_fixed.py",)),
        (["app/__init__.py"], ()),
        (["app/one.py", "app/two.py", "app/fixed.py"], ()),
        (["app/lonely.py"], ()),
        (["app/one.py", "data.json"], ()),
        ([], ()),
    ],
)
def test_the_tests_that_a_change_reaches(edited: list[str], tests: tuple[str, ...]) -> None:
    if edited == ["app/__init__.py"]:
        tests = ("more/test_more.py", "tests/sub/test_fixed.py", "tests/test_one.py", "tests/test_two.py")
        assert reached_tests(PROJECT, {}, edited, (".",)) in {(), tests}
    else:
        assert reached_tests(PROJECT, {}, edited, (".",)) == tests


def test_what_the_overlay_says_counts() -> None:
    new = {"tests/test_new.py": b"import app.two", "tests/test_two.py": None}
    assert reached_tests(PROJECT, new, ["app/two.py"], (".",)) == ("tests/test_new.py",)


def test_only_tests_in_the_projects_test_folders_count() -> None:
    assert reached_tests(PROJECT, {}, ["app/one.py"], ("tests",)) == ("tests/test_one.py",)


@pytest.mark.parametrize(
    ("argv", "settings", "folders"),
    [
        (PYTEST, [], (".",)),
        (
            PYTEST,
            ["[tool.pytest.ini_options]\ntestpaths = [\n  'tests',\n  \"more\",\n]\n"],
            ("tests", "more"),
        ),
        (PYTEST, ["[pytest]\ntestpaths = tests more\nother = 1\n"], ("tests", "more")),
        (PYTEST, ["[pytest]\ntestpaths =\n    tests\n    more\n"], ("tests", "more")),
        (PYTEST, ["testpaths = pkgs/*/tests\n"], None),
        (PYTEST, ["python_files = check_*.py"], None),
        (PYTEST, ["addopts = --doctest-modules"], None),
        (PYTEST, ["[tool.coverage.report]\nfail_under = 90"], None),
        ((*PYTEST, "tests/unit"), [], None),
        ((*PYTEST, "--ignore=tests/slow"), [], None),
    ],
)
def test_settings_tell_whether_some_files_are_their_part_of_all(
    argv: tuple[str, ...], settings: list[str], folders: tuple[str, ...] | None
) -> None:
    assert folders_of_tests(argv, settings) == folders
