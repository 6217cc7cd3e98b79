"""The gate lets through what is no worse than before, and runs no check twice on one tree."""

from pathlib import Path

import anyio
import pytest

from podium.adapters.checks.runner import LocalChecks
from podium.domain.changes import FileEdit
from podium.domain.checks import Candidate, CheckResult, Failure
from podium.domain.events import CheckFinished, Event
from podium.engine.past import Past
from podium.engine.verification import CheckCall, CheckDesk, new_failures, output_of, shortened, unparsable
from podium.errors import ToolError


def result(exit_code: int, *failures: Failure, output: str = "", timed_out: bool = False) -> CheckResult:
    return CheckResult("c", ("c",), exit_code, 0.1, output, "h", failures, timed_out)


ONE, TWO = Failure("x", test="t::one"), Failure("y", test="t::two")


@pytest.mark.parametrize(
    ("now", "before", "worse"),
    [
        (result(1, ONE), result(0), True),
        (result(1, ONE, TWO), result(1, ONE), True),
        (result(1, TWO), result(1, ONE), True),
        (result(1, ONE), result(1, ONE, TWO), False),
        (result(1, Failure("another message", test="t::one")), result(1, ONE), False),
        (result(124, ONE, timed_out=True), result(1, ONE), True),
        (result(2, output="crash at 0x1"), result(2, output="crash at 0x2"), False),
        (result(2, output="crash"), result(2, output="other crash"), True),
        (
            result(1, Failure("wrong", path="a.py", line=3)),
            result(1, Failure("wrong", path="a.py", line=9)),
            False,
        ),
        (result(1, Failure("wrong", path="b.py")), result(1, Failure("wrong", path="a.py")), True),
    ],
)
def test_a_red_check_is_worse_when_it_reports_what_the_baseline_did_not(
    now: CheckResult, before: CheckResult, worse: bool
) -> None:
    assert new_failures(now, before) is worse


@pytest.mark.parametrize(
    ("edit", "problems"),
    [
        (FileEdit("a.py", b"x = 1", b"x ="), 1),
        (FileEdit("a.py", None, b"def f(:"), 1),
        (FileEdit("a.py", b"x =", b"x = ("), 0),
        (FileEdit("a.py", b"x =", None), 0),
        (FileEdit("a.py", b"x = 1", b"\x00"), 1),
        (FileEdit("a.json", b"{}", b"{"), 1),
        (FileEdit("a.toml", b"", b"a ="), 1),
        (FileEdit("a.txt", b"", b"{ ="), 0),
    ],
)
def test_a_file_must_parse_if_it_did_before(edit: FileEdit, problems: int) -> None:
    assert len(unparsable([edit])) == problems


def test_long_output_keeps_its_beginning_and_more_of_its_end() -> None:
    text = shortened("a" * 500 + "b" * 500, 100)
    assert text.startswith("a" * 25 + "\n…")
    assert text.endswith("…\n" + "b" * 75)
    assert shortened("short", 100) == "short"


PYTEST_OUTPUT = """\
.F..                                                                     [100%]
=================================== FAILURES ===================================
___________________________________ test_one ___________________________________
E       assert 'a        b' == '----------'
=========================== short test summary info ============================
FAILED t.py::test_one - assert 'a        b' == '----------'
1 failed, 3 passed in 0.85s
"""


def test_output_comes_without_rulers_and_without_what_the_failures_say() -> None:
    short = """\
.F..   [100%]
=== FAILURES ===
___ test_one ___
E       assert 'a        b' == '----------'
"""
    end = "1 failed, 3 passed in 0.85s\n"
    assert output_of(result(1, ONE, output=PYTEST_OUTPUT), 1000) == short + end
    unread = output_of(result(1, output=PYTEST_OUTPUT), 1000)
    assert unread.startswith(short + "=== short test summary info ===\nFAILED t.py::test_one")
    assert unread.endswith(end)


@pytest.mark.anyio
async def test_a_check_runs_once_on_one_tree_and_again_on_another(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    checks = LocalChecks(root, {"check": ["sh", "-c", "date +%N; cat a.txt"]})
    recorded: list[Event] = []

    async def record(event: Event) -> None:
        recorded.append(event)

    desk = CheckDesk(checks, lambda: Candidate(str(root), {}), record, Past())
    call = desk.require("check")
    one = Candidate(str(root), {"a.txt": b"one"})
    first = await desk.run(one, call)
    assert await desk.run(one, call) == first
    assert await desk.run(one, CheckCall(call.check, ("t.py",), aimed=True), "another task") == first
    assert await desk.run(one, CheckCall(call.check, ("t.py",))) != first
    (root / "other.txt").write_text("new on the disk", "utf-8")
    again = await desk.run(one, call)
    assert again.tree_hash != first.tree_hash
    results: list[CheckResult] = []

    async def run_at_once() -> None:
        results.append(await desk.run(Candidate(str(root), {"a.txt": b"at once"}), call))

    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(run_at_once)
    assert results[0] == results[1]
    assert (await desk.run(Candidate(str(root), {"a.txt": b"two"}), call)).output != first.output
    assert all(isinstance(event, CheckFinished) for event in recorded)
    await checks.aclose()


@pytest.mark.anyio
async def test_what_an_agent_ran_on_the_users_own_tree_is_the_baseline(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    checks = LocalChecks(root, {"check": ["sh", "-c", "date +%N; exit 1"]})
    baselines: list[CheckResult] = []

    async def record(event: Event) -> None:
        assert isinstance(event, CheckFinished)
        if event.purpose == "baseline":
            baselines.append(event.result)

    unchanged = Candidate(str(root), {})
    desk = CheckDesk(checks, lambda: unchanged, record, Past())
    ran = await desk.run(unchanged, desk.require("check"))
    await desk.gate(Candidate(str(root), {"a.txt": b"one"}), (), ())
    assert baselines == [ran]
    await checks.aclose()


def test_a_check_that_does_not_exist_is_answered_with_those_that_do(tmp_path: Path) -> None:
    async def record(_: Event) -> None:
        raise AssertionError("nothing runs here")

    desk = CheckDesk(LocalChecks(tmp_path, {"check": "true"}), lambda: Candidate("/", {}), record, Past())
    with pytest.raises(ToolError, match="no check 'test'; the checks are: check"):
        desk.require("test")
    with pytest.raises(ToolError, match="is not a test or a path"):
        desk.require("check --exitfirst")
    with pytest.raises(ToolError, match="leaves the workspace"):
        desk.require("check ../other/test_x.py::test_y")
    assert desk.require("check a.py::t").text == "check a.py::t"
