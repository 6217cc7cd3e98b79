"""What imports what, as far as it can be told without running anything."""

import pytest

from podium.domain.imports import ImportGraph, Reference, references

FILES = {
    "src/pkg/__init__.py": b"from .core import run\n",
    "src/pkg/core.py": b"from . import util\nfrom .deep.leaf import (\n    one,  # a comment\n    two,\n)\n",
    "src/pkg/util.py": b"import json\n",
    "src/pkg/json.py": b"",
    "src/pkg/deep/__init__.py": b"",
    "src/pkg/deep/leaf.py": b"from ...pkg import lonely\n",
    "src/pkg/lonely.py": b"",
    "src/pkg/late.py": b"def f():\n    import pkg.plain as p; import pkg.other\n",
    "src/pkg/plain.py": b"",
    "src/pkg/other.py": b"",
    "tests/test_run.py": b"import pkg\n",
    "tests/test_late.py": b"from pkg import \\\n    late\n",
    "tests/test_patch.py": b"import importlib\nimportlib.import_module('pkg.util')\n",
    "tests/helpers.py": b"from pkg.plain import *\n",
    "tests/test_helped.py": b"import helpers\n",
}
GRAPH = ImportGraph.of(FILES)


@pytest.mark.parametrize(
    ("changed", "tests"),
    [
        ("src/pkg/util.py", {"run", "patch", "late"}),
        ("src/pkg/deep/leaf.py", {"run", "patch", "late", "helped"}),
        ("src/pkg/json.py", set[str]()),
        ("src/pkg/other.py", {"late"}),
        ("src/pkg/plain.py", {"late", "helped"}),
        ("src/pkg/lonely.py", {"run", "patch", "late", "helped"}),
        ("tests/test_run.py", {"run"}),
    ],
)
def test_a_change_reaches_what_imports_it(changed: str, tests: set[str]) -> None:
    reached = {path for path in GRAPH.reaching([changed]) if path.startswith("tests/test_")}
    assert reached >= {f"tests/test_{name}.py" for name in tests}
    if changed in {"src/pkg/json.py", "tests/test_run.py"}:
        assert len(reached) == len(tests)


def test_a_graph_laid_over_another_sees_new_files_and_new_imports() -> None:
    over = ImportGraph.of({"tests/test_new.py": b"from pkg import fresh", "src/pkg/fresh.py": b""}, GRAPH)
    assert "tests/test_new.py" in over.reaching(["src/pkg/fresh.py"])
    assert "tests/test_new.py" not in over.reaching(["src/pkg/other.py"])
    assert "tests/test_late.py" in over.reaching(["src/pkg/other.py"])


def test_every_form_of_import_is_read() -> None:
    source = b"import a.b as c, d\nif x: import e\nfrom .f import (g as h,\n  i)\nfrom .. import j\nfrom k import *\n"
    assert references(source) == {
        Reference("a.b"),
        Reference("d"),
        Reference("e"),
        Reference("f", 1),
        Reference("f.g", 1),
        Reference("f.i", 1),
        Reference("", 2),
        Reference("j", 2),
        Reference("k"),
    }
