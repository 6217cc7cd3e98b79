"""The whole way, for real: a project with a failing test goes in, a green one comes out, or an honest no."""

import shutil
from pathlib import Path

import pytest

from tests.bench.repair import CORPUS, Program, is_repaired, programs
from tests.repair.driver import is_green, repair_project

BY_NAME = {program.folder.name: program for program in programs()}


@pytest.mark.parametrize("name", ["insertion_sort"])
def test_a_program_with_one_small_slip_is_repaired(tmp_path: Path, name: str) -> None:
    outcome = repair_project(BY_NAME[name].lay_out(tmp_path / name))
    assert is_repaired(outcome), outcome.words
    assert list(outcome.changed) == [f"{name}.py"]
    assert outcome.changed[f"{name}.py"] == (CORPUS / name / f"{name}.py").read_text(encoding="utf-8")


def test_what_no_small_edit_can_do_is_never_called_done(tmp_path: Path) -> None:
    (tmp_path / "greet.py").write_text("def greet(name):\n    return name\n", encoding="utf-8")
    test = "from greet import greet\ndef test_it():\n    assert greet('you') == 'Good morning, you!'\n"
    (tmp_path / "test_greet.py").write_text(test, encoding="utf-8")
    outcome = repair_project(tmp_path)
    assert (outcome.finished, outcome.green, outcome.changed) == (False, False, {})
    assert "none made the tests pass" in outcome.words


@pytest.mark.parametrize("program", [BY_NAME["pascal"]], ids=lambda p: p.folder.name)
def test_a_program_of_the_corpus_is_green_without_its_fault_and_red_with_it(
    tmp_path: Path, program: Program
) -> None:
    shutil.copytree(program.folder, tmp_path / "right")
    assert is_green(tmp_path / "right")
    assert not is_green(program.lay_out(tmp_path / "wrong"))
