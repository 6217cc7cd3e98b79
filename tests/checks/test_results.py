"""What a run of a check tells."""

from dataclasses import replace
from pathlib import Path

import pytest

from podium.adapters.checks.pytest_results import failures_in_text
from podium.adapters.checks.sandbox import Sandbox
from podium.domain.checks import Candidate, Check, Failure
from podium.errors import ToolError
from tests.checks.projects import (
    CALC,
    FIXED,
    PYTEST,
    both_ways,
    calculator,
    candidate,
    opened,
    write,
)

pytestmark = pytest.mark.anyio


@both_ways
async def test_the_candidate_is_checked_and_the_users_files_are_not(tmp_path: Path, sandbox: Sandbox) -> None:
    root = calculator(tmp_path)
    async with opened(root, sandbox) as checks:
        before = await checks.run(candidate(root), PYTEST)
        after = await checks.run(candidate(root, calc=FIXED), PYTEST)
    assert [failure.test for failure in before.failures] == ["test_calc.py::test_add"]
    assert after.green, after.output
    assert before.tree_hash != after.tree_hash
    assert (root / "calc.py").read_text("utf-8") == CALC


async def test_a_failure_points_into_the_code_and_not_at_the_test(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "shop/basket.py": "def total(prices):\n    return sum(prices) / len(prices)\n",
            "shop/__init__.py": "",
            "tests/test_basket.py": "from shop.basket import total\n\ndef test_empty():\n    assert total([]) == 0\n",
        },
    )
    async with opened(root) as checks:
        (failure,) = (await checks.run(candidate(root), PYTEST)).failures
    assert (failure.path, failure.line) == ("shop/basket.py", 2)
    assert failure.test == "tests/test_basket.py::test_empty"
    assert failure.message == "ZeroDivisionError: division by zero"


async def test_a_wrong_value_points_at_the_assertion(tmp_path: Path) -> None:
    root = calculator(tmp_path)
    async with opened(root) as checks:
        (failure,) = (await checks.run(candidate(root), PYTEST)).failures
    assert (failure.path, failure.line) == ("test_calc.py", 5)
    assert failure.message == "AssertionError: assert -1 == 3 + where -1 = add(1, 2)"


async def test_a_file_that_cannot_be_imported_is_a_failure_at_its_line(tmp_path: Path) -> None:
    root = calculator(tmp_path)
    async with opened(root) as checks:
        (failure,) = (await checks.run(candidate(root, calc="def add(a, b:\n    pass\n"), PYTEST)).failures
    assert (failure.path, failure.line) == ("calc.py", 1)
    assert failure.message.startswith("SyntaxError")


async def test_a_broken_conftest_is_a_failure(tmp_path: Path) -> None:
    root = calculator(tmp_path)
    async with opened(root) as checks:
        result = await checks.run(candidate(root, conftest="raise RuntimeError('no database')\n"), PYTEST)
    assert not result.green
    assert result.failures == (Failure("RuntimeError: no database", "", "conftest.py", 1),)


async def test_a_project_without_tests_says_so(tmp_path: Path) -> None:
    root = write(tmp_path, {"calc.py": CALC})
    async with opened(root) as checks:
        result = await checks.run(candidate(root), PYTEST)
    assert (result.exit_code, result.failures[0].message) == (5, "pytest found no tests")


async def test_the_projects_own_options_are_kept(tmp_path: Path) -> None:
    root = calculator(tmp_path)
    write(
        root,
        {
            "pytest.ini": "[pytest]\naddopts = -p no:cacheprovider --strict-markers -k one\nfilterwarnings = error\n"
        },
    )
    async with opened(root) as checks:
        result = await checks.run(candidate(root), PYTEST)
    assert result.green, result.output
    assert "1 deselected" in result.output


async def test_targets_narrow_the_run(tmp_path: Path) -> None:
    root = calculator(tmp_path)
    async with opened(root) as checks:
        whole = replace(PYTEST, argv=(*PYTEST.argv, "test_calc.py"))
        result = await checks.run(candidate(root), whole, ["test_calc.py::test_one"])
    assert result.green
    assert "1 passed" in result.output


async def test_a_deleted_file_is_not_there(tmp_path: Path) -> None:
    root = calculator(tmp_path)
    async with opened(root) as checks:
        result = await checks.run(candidate(root, calc=None), PYTEST)
    assert result.failures[0].message == "ModuleNotFoundError: No module named 'calc'"


async def test_a_test_that_hangs_fails_at_the_line_where_it_hangs_and_the_others_still_run(
    tmp_path: Path,
) -> None:
    root = calculator(tmp_path)
    hanging = "def add(a, b):\n    while True:\n        a = b\n\n\ndef one():\n    return 2\n"
    async with opened(root) as checks:
        result = await checks.run(candidate(root, calc=hanging), replace(PYTEST, timeout_s=16))
    assert not result.timed_out
    hung, wrong = result.failures
    assert hung.path == "calc.py"
    assert hung.line in {2, 3}
    assert hung.message == "still running after 8 s, Podium's limit for one test"
    assert wrong.test == "test_calc.py::test_one"


async def test_a_crash_is_laid_at_the_door_of_the_test_that_ran(tmp_path: Path) -> None:
    root = calculator(tmp_path)
    crashing = "import os\n\ndef add(a, b):\n    os._exit(7)\n\ndef one():\n    return 1\n"
    async with opened(root) as checks:
        result = await checks.run(candidate(root, calc=crashing), PYTEST)
    assert result.exit_code == 7
    assert result.failures[0].test == "test_calc.py::test_add"


@both_ways
async def test_a_tool_that_is_not_there_is_a_failure_and_no_exception(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    root = calculator(tmp_path)
    async with opened(root, sandbox) as checks:
        result = await checks.run(candidate(root), Check("odd", ("no-such-tool", "x")))
    assert not result.green
    assert "no-such-tool" in result.failures[0].message


async def test_a_candidate_that_leaves_the_workspace_is_refused(tmp_path: Path) -> None:
    root = calculator(tmp_path / "project")
    async with opened(root) as checks:
        for path in ("../other.py", "/etc/passwd", ".git/config"):
            with pytest.raises(ToolError):
                await checks.run(Candidate(str(root), {path: b""}), PYTEST)


def test_places_are_read_from_what_linters_and_compilers_print() -> None:
    output = "\n".join(
        [
            "./src/app.ts:10:5: error TS2322: wrong type",
            "src/app.ts(11,7): error TS1: other type",
            "lib/x.py:3: error: Incompatible types  [assignment]",
            "FAILED tests/test_a.py::test_b - assert 1 == 2",
            "see https://example.org:443/path for more",
            "12:30:11 done",
        ]
    )
    found = [(failure.path, failure.line, failure.message) for failure in failures_in_text(output)]
    assert found == [
        ("src/app.ts", 10, "error TS2322: wrong type"),
        ("src/app.ts", 11, "error TS1: other type"),
        ("lib/x.py", 3, "error: Incompatible types [assignment]"),
        ("tests/test_a.py", 0, "assert 1 == 2"),
    ]
