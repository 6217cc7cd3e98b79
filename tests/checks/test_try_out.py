"""Trying many variants."""

from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from podium.adapters.checks.runner import LocalChecks
from podium.adapters.checks.sandbox import Sandbox
from podium.domain.checks import Check
from tests.checks.projects import (
    CALC,
    FIXED,
    PYTEST,
    SANDBOX,
    both_ways,
    calculator,
    candidate,
    opened,
    write,
)

pytestmark = pytest.mark.anyio
TARGETS = ["test_calc.py::test_add"]


def variant(text: str) -> dict[str, bytes]:
    return {"calc.py": text.encode()}


@both_ways
async def test_results_come_in_the_order_of_the_variants(tmp_path: Path, sandbox: Sandbox) -> None:
    root = calculator(tmp_path)
    other_test_broken = FIXED.replace("return 1", "return 2")
    texts = [CALC.replace("a - b", f"a - b + {n}") for n in range(4)]
    variants = [variant(text) for text in (*texts, FIXED, other_test_broken)]
    async with opened(root, sandbox) as checks:
        results = await checks.try_out(candidate(root), variants, PYTEST, TARGETS)
        alone = await checks.run(candidate(root, calc=FIXED), PYTEST)
    assert [result.green for result in results] == [False, False, False, False, True, False]
    assert results[1].failures[0].message.startswith("AssertionError: assert 0 == 3")
    assert [failure.test for failure in results[5].failures] == ["test_calc.py::test_one"]
    assert results[4].tree_hash == alone.tree_hash
    assert (root / "calc.py").read_text("utf-8") == CALC


async def test_a_test_that_failed_before_does_not_spoil_the_repair_of_another(tmp_path: Path) -> None:
    root = calculator(tmp_path)
    other_broken = CALC.replace("return 1", "return 2")
    half_fixed, both_fixed = FIXED.replace("return 1", "return 2"), FIXED
    async with opened(root) as checks:
        base = candidate(root, calc=other_broken)
        variants = [variant(half_fixed), variant(both_fixed), variant(other_broken + "\n")]
        tolerant = await checks.try_out(base, variants, PYTEST, TARGETS, {"test_calc.py::test_one"})
        strict = await checks.try_out(base, variants, PYTEST, TARGETS)
    assert [result.green for result in tolerant] == [True, True, False]
    assert [result.green for result in strict] == [False, True, False]


async def test_a_variant_that_loops_for_ever_dies_and_the_next_ones_run(tmp_path: Path) -> None:
    root = calculator(tmp_path)
    looping = CALC.replace("return a - b", "while True: pass")
    deaf = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})\n" + looping
    async with opened(root) as checks:
        variants = [variant(looping), variant(deaf), variant(FIXED)]
        loops, holds_on, fixed = await checks.try_out(candidate(root), variants, PYTEST, TARGETS)
    assert (loops.failures[0].path, loops.failures[0].line) == ("calc.py", 2)
    assert holds_on.timed_out
    assert holds_on.failures[0].test == TARGETS[0]
    assert fixed.green


async def test_targets_that_hang_now_can_still_be_repaired(tmp_path: Path) -> None:
    root = calculator(tmp_path)
    looping = CALC.replace("return a - b", "while True: pass")
    async with opened(root) as checks:
        results = await checks.try_out(
            candidate(root, calc=looping), [variant(looping + "\n"), variant(FIXED)], PYTEST, TARGETS
        )
    assert [result.green for result in results] == [False, True]


@both_ways
async def test_a_variant_is_never_judged_by_the_code_of_another(tmp_path: Path, sandbox: Sandbox) -> None:
    """All variants have the same size and times within a second, which bytecode caches cannot tell apart."""
    root = calculator(tmp_path)
    caching = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import calc'], env={})\n"
    texts = [CALC.replace("a - b", f"a + {n}") for n in range(8)]
    async with opened(root, sandbox) as checks:
        results = await checks.try_out(
            candidate(root, conftest=caching), [variant(text) for text in texts], PYTEST, TARGETS
        )
    assert [result.green for result in results] == [n == 2 for n in range(8)]


async def test_enough_green_variants_end_the_search(tmp_path: Path) -> None:
    root = calculator(tmp_path)
    variants = [variant(FIXED + f"# {n}\n") for n in range(12)]
    async with opened(root) as checks:
        results = await checks.try_out(
            candidate(root), variants, replace(PYTEST, argv=(*PYTEST.argv, "-k", "add")), TARGETS
        )
    codes = [result.exit_code for result in results]
    assert codes.count(0) in {6, 7}
    assert codes.count(125) == 12 - codes.count(0)
    assert "not run" in results[-1].output


async def test_a_variant_that_leaves_the_workspace_is_refused_and_the_others_run(tmp_path: Path) -> None:
    root = calculator(tmp_path)
    async with opened(root) as checks:
        results = await checks.try_out(candidate(root), [{"../x.py": b""}, variant(CALC)], PYTEST, TARGETS)
    assert [result.exit_code for result in results] == [125, 1]


async def test_a_cancelled_search_ends_at_once_and_leaves_the_slots_usable(tmp_path: Path) -> None:
    root = calculator(tmp_path)
    slow = CALC.replace("return a - b", "__import__('time').sleep(1.5); return a - b")
    async with opened(root) as checks:
        with anyio.move_on_after(3) as cut_short:
            await checks.try_out(candidate(root), [variant(slow)] * 1000, PYTEST, TARGETS)
        assert cut_short.cancelled_caught
        assert (await checks.run_command(candidate(root), "echo fine")).green


async def test_who_waits_for_a_slot_gets_one_before_the_variants_of_another_are_all_run(
    tmp_path: Path,
) -> None:
    root = calculator(tmp_path)
    ended: list[str] = []
    check = Check("grep", ("grep", "-q", "a + b", "calc.py"))
    checks = LocalChecks(root, None, SANDBOX, parallel=1, slice_s=0)

    async def try_all() -> None:
        results = await checks.try_out(candidate(root), [variant(CALC)] * 40, check, [])
        ended.append("variants")
        assert [result.exit_code for result in results] == [1] * 40

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(try_all)
        await anyio.wait_all_tasks_blocked()
        assert (await checks.run(candidate(root, calc=FIXED), check)).green
        ended.append("check")
    await checks.aclose()
    assert ended == ["check", "variants"]


async def test_other_checks_run_once_for_each_variant(tmp_path: Path) -> None:
    root = calculator(tmp_path)
    check = Check("grep", ("grep", "-q", "a + b", "calc.py"))
    async with opened(root) as checks:
        results = await checks.try_out(candidate(root), [variant(CALC), variant(FIXED)], check, [])
    assert [result.exit_code for result in results] == [1, 0]


async def test_state_that_a_test_leaves_in_the_tree_does_not_reach_the_next_variant(tmp_path: Path) -> None:
    leaving = "from pathlib import Path\n\ndef test_add():\n    from calc import add\n    mark = Path('mark')\n    assert not mark.exists()\n    mark.write_text('x')\n    assert add(1, 2) == 3\n"
    root = write(tmp_path, {"calc.py": CALC, "test_calc.py": leaving})
    async with opened(root) as checks:
        results = await checks.try_out(
            candidate(root), [variant(CALC + "\n"), variant(FIXED)], PYTEST, TARGETS
        )
    assert [result.green for result in results] == [False, True]
