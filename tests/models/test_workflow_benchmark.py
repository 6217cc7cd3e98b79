"""The benchmark `workflow` believes nobody: it looks at what a mission left behind."""

from pathlib import Path

from tests.bench._one_shot import one_shot
from tests.bench._projects import Project
from tests.bench.workflow import Cell, Outcome, interval
from tests.models.simulated import Fault, Place

FILES = {
    "calc.py": "def half(n):\n    return n // 2\n\n\ndef name():\n    return 'calc'\n",
    "tool.py": "def twice(n):\n    return 2 * n\n",
    "test_calc.py": "from calc import half\n\n\ndef test_half():\n    assert half(5) == 2\n",
}
HALF = Fault(
    "calc.half", "calc.py", 1, 2,
    (Place("    return n / 2\n", "    return n // 2\n", ()),),
    ("test_calc.py::test_half",), ("test_calc.py::test_half",), 0.0,
)  # fmt: skip
TWICE = Fault(
    "calc.twice", "tool.py", 1, 2, (Place("    return n\n", "    return 2 * n\n", ()),),
    ("test_tool.py::test_twice",), ("test_tool.py::test_twice",), 0.0,
)  # fmt: skip


def left(tmp_path: Path, **changed: str) -> str:
    """Return what the benchmark finds in a folder with these files changed."""
    project = Project("calc", FILES, [HALF], tmp_path)
    for path, text in {**FILES, **{f"{name}.py": text for name, text in changed.items()}}.items():
        (tmp_path / path).write_text(text)
    return project.left()


def test_only_what_was_published_is_right(tmp_path: Path) -> None:
    assert left(tmp_path) == "right"


def test_a_change_that_no_test_notices_is_wrong(tmp_path: Path) -> None:
    assert left(tmp_path, calc=FILES["calc.py"].replace("'calc'", "'calculator'")) == "wrong"
    assert left(tmp_path, more="") == "wrong"


def test_a_fault_that_is_still_there_is_red(tmp_path: Path) -> None:
    assert left(tmp_path, calc=FILES["calc.py"].replace("//", "/")) == "red"


def test_a_sign_off_with_anything_but_what_is_right_is_a_false_success() -> None:
    cell = Cell(0.3, 10, 1)
    found = [Outcome(cell, 0, "signed_off", "", what, 1, 1, 1, 1.0) for what in ("right", "wrong", "red")]
    assert [outcome.success for outcome in found] == [True, False, False]
    assert [outcome.false_success for outcome in found] == [False, True, True]
    stopped = Outcome(cell, 0, "stopped", "", "red", 1, 1, 1, 1.0)
    assert not stopped.success
    assert not stopped.false_success


def test_one_shot_is_right_as_often_as_the_model(tmp_path: Path) -> None:
    project = Project("calc", FILES, [HALF, TWICE], tmp_path)
    shots = [one_shot(f"simulated-p30-s{seed}", project, [HALF], ["`calc.half`"]) for seed in range(200)]
    assert 110 < sum(shot.right for shot in shots) < 170


def test_the_interval_of_twenty_successes_in_twenty() -> None:
    low, high = interval(20, 20)
    assert round(low, 3) == 0.839
    assert high == 1.0
