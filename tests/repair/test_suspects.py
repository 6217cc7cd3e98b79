import json
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from tests.repair.driver import SUSPECTS

WITHOUT_COVERAGE = (
    "import runpy, sys; sys.modules['coverage'] = None; sys.argv = [sys.argv[1]]; "
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)


def lay_out(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return root


def examine(root: Path, *argv: str) -> dict[str, list[dict[str, object]]]:
    done = subprocess.run(
        [sys.executable, *(argv or [str(SUSPECTS)])], cwd=root, capture_output=True, text=True, timeout=60
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("PODIUM-SUSPECTS "))
    return cast("dict[str, list[dict[str, object]]]", json.loads(line.removeprefix("PODIUM-SUSPECTS ")))


SIGN = "def sign(x):\n    if x < 0:\n        return 1\n    return 1 if x else 0\n"
TEST_SIGN = "from sign import sign\ndef test_below():\n    assert sign(-2) == -1\ndef test_above():\n    assert sign(3) == 1\n"


@pytest.mark.parametrize("argv", [(), ("-c", WITHOUT_COVERAGE, str(SUSPECTS))], ids=["coverage", "settrace"])
def test_the_line_that_only_failing_tests_run_is_the_most_suspect(
    tmp_path: Path, argv: tuple[str, ...]
) -> None:
    found = examine(lay_out(tmp_path, {"sign.py": SIGN, "test_sign.py": TEST_SIGN}), *argv)
    assert (found["suspects"][0]["path"], found["suspects"][0]["line"]) == ("sign.py", 3)
    assert {s["path"] for s in found["suspects"]} == {"sign.py"}
    assert all(s["fails"] for s in found["suspects"])
    assert [(f["test"], f["line"]) for f in found["failing"]] == [("test_sign.py::test_below", 3)]


def test_the_package_of_a_src_layout_is_examined_and_its_tests_are_not(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": "[tool.pytest.ini_options]\npythonpath = ['src']\n",
        "src/signs/__init__.py": "",
        "src/signs/sign.py": SIGN,
        "tests/conftest.py": "import pytest\n@pytest.fixture\ndef minus():\n    return -2\n",
        "tests/test_sign.py": "from signs.sign import sign\ndef test_below(minus):\n    assert sign(minus) == -1\n",
    }
    found = examine(lay_out(tmp_path, files))
    assert {s["path"] for s in found["suspects"]} == {"src/signs/sign.py"}


def test_a_test_that_never_ends_fails_with_the_lines_of_its_loop(tmp_path: Path) -> None:
    loop = "def count(n):\n    found = 0\n    while n > 0:\n        found += 1\n    return found\n"
    test = "from loop import count\ndef test_none():\n    assert count(0) == 0\ndef test_two():\n    assert count(2) == 2\n"
    found = examine(lay_out(tmp_path, {"loop.py": loop, "test_loop.py": test}))
    assert [f["test"] for f in found["failing"]] == ["test_loop.py::test_two"]
    assert str(found["failing"][0]["message"]).startswith("TestTooSlow")
    assert {s["line"] for s in found["suspects"][:2]} == {3, 4}


def test_tests_that_fail_for_different_faults_are_in_different_groups(tmp_path: Path) -> None:
    code = "def one(x):\n    y = x + 2\n    return y\n\n\ndef two(x):\n    y = x - 2\n    return y\n"
    test = (
        "from code_ import one, two\ndef test_a():\n    assert one(1) == 2\n"
        "def test_b():\n    assert one(2) == 3\ndef test_c():\n    assert two(2) == 1\n"
    )
    found = examine(lay_out(tmp_path, {"code_.py": code, "test_code.py": test}))
    assert [f["group"] for f in found["failing"]] == [0, 0, 1]
    assert [s["groups"] for s in found["suspects"] if s["line"] == 7] == [[1]]


def test_a_project_that_cannot_be_imported_is_reported_at_the_line_that_raises(tmp_path: Path) -> None:
    found = examine(
        lay_out(tmp_path, {"table.py": "ROWS = [1][2]\n", "test_table.py": "from table import ROWS\n"})
    )
    assert [(s["path"], s["line"]) for s in found["suspects"]] == [("table.py", 1)]
    assert found["failing"]


def test_nothing_is_left_behind_in_the_tree(tmp_path: Path) -> None:
    lay_out(tmp_path, {"sign.py": SIGN, "test_sign.py": TEST_SIGN})
    examine(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sign.py", "test_sign.py"]
