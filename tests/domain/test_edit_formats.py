"""Edits in a model's prose."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.domain.edit_formats import Deletion, WholeFile, written_edits
from podium.domain.edits import Edit, apply_edit
from podium.domain.merge import unified_diff
from podium.errors import ToolError

BLOCK = "<<<<<<< SEARCH\nold\n=======\nnew\n>>>>>>> REPLACE\n"
OLD_TO_NEW = Edit("src/a.py", "old\n", "new\n")


@pytest.mark.parametrize(
    "answer",
    [
        f"src/a.py\n{BLOCK}",
        f"src/a.py\n```python\n{BLOCK}```\n",
        f"```python\nsrc/a.py\n{BLOCK}```\n",
        f"```src/a.py\n{BLOCK}```\n",
        f"```python src/a.py\n{BLOCK}```\n",
        f"I change the value.\n\n**src/a.py**\n\n```\n{BLOCK}```\n\nThat is all.\n",
        f"### `src/a.py`:\n{BLOCK}",
        f"File: src/a.py\n{BLOCK}",
        f"- src/a.py\n{BLOCK}",
        f"src/a.py\n{BLOCK}".replace("\n", "\r\n"),
        "src/a.py\n<<<<<<<< SEARCH\nold\n========\nnew\n>>>>>>>> REPLACE",
        "src/a.py\n<<<<<<< HEAD\nold\n=======\nnew\n>>>>>>> updated",
        "--- a/src/a.py\n+++ b/src/a.py\n@@ -1 +1 @@\n-old\n+new\n",
        "--- src/a.py\n+++ src/a.py\n@@ ... @@\n-old\n+new\n",
        "```diff\n--- a/src/a.py\n+++ b/src/a.py\n@@ -1,9 +1,7 @@ def f():\n-old\n+new\n```\nDone.\n",
        "diff --git a/src/a.py b/src/a.py\nindex 1234567..89abcde 100644\n--- a/src/a.py\n+++ b/src/a.py\n@@ -1 +1 @@\n-old\n+new\n",
        "```diff\ndiff --git a/src/a.py b/src/a.py\n--- a/src/a.py\n+++ b/src/a.py\n@@\n-old\n+new\n```",
        "--- a/src/a.py\t2024-01-01\n+++ b/src/a.py\t2024-01-01\n@@ -1 +1 @@\n-old\n+new\n\n- and a list item\n",
        "--- a/src/a.py\n+++ b/src/a.py\n@@ -1 +1 @@\n-old\n+new\n-- \n2.39.5\n",
    ],
)
def test_one_edit_in_many_costumes(answer: str) -> None:
    assert written_edits(answer) == [OLD_TO_NEW]


@pytest.mark.parametrize(
    "answer",
    [
        "src/a.py\n```python\nx = 1\n```\n",
        "Here it is.\n\n**`src/a.py`**\n\n```python\nx = 1\n```\nEnjoy.",
        "```python src/a.py\nx = 1\n```",
        "```python:src/a.py\nx = 1\n```",
        '```python title="src/a.py"\nx = 1\n```',
        "## src/a.py:\n~~~\nx = 1\n~~~",
        "--- /dev/null\n+++ b/src/a.py\n@@ -0,0 +1 @@\n+x = 1\n",
        "Run this first:\n```sh\npip install x\n```\nsrc/a.py\n```python\nx = 1\n```\n",
    ],
)
def test_a_whole_file_in_many_costumes(answer: str) -> None:
    assert written_edits(answer) == [WholeFile("src/a.py", "x = 1\n")]


def test_several_edits_keep_their_order_and_the_last_path_holds() -> None:
    answer = f"a.py\n{BLOCK}\nand then\n{BLOCK}\nMakefile\n```\nall:\n```\n--- a/c.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
    edit = Edit("a.py", "old\n", "new\n")
    assert written_edits(answer) == [edit, edit, WholeFile("Makefile", "all:\n"), Deletion("c.py")]


def test_an_empty_search_creates_a_file() -> None:
    assert written_edits("new.py\n<<<<<<< SEARCH\n=======\nx\n>>>>>>> REPLACE") == [Edit("new.py", "", "x\n")]


def test_an_empty_replace_deletes_lines() -> None:
    assert written_edits("a.py\n<<<<<<< SEARCH\nx\n=======\n>>>>>>> REPLACE") == [Edit("a.py", "x\n", "")]


def test_fences_inside_a_block_are_content() -> None:
    block = "a.md\n<<<<<<< SEARCH\n```sh\nls\n```\n=======\n```sh\nls -l\n```\n>>>>>>> REPLACE\n"
    assert written_edits(block) == [Edit("a.md", "```sh\nls\n```\n", "```sh\nls -l\n```\n")]


def test_fences_inside_a_file_nest() -> None:
    answer = "README.md\n```markdown\n# A\n```sh\nls\n```\nend\n```\n"
    assert written_edits(answer) == [WholeFile("README.md", "# A\n```sh\nls\n```\nend\n")]
    answer = "README.md\n````markdown\n```\nls\n```\n````\n"
    assert written_edits(answer) == [WholeFile("README.md", "```\nls\n```\n")]


def test_hunks_become_edits_of_their_own() -> None:
    diff = "--- a/a.py\n+++ b/a.py\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n\n@@ -9,2 +9,2 @@\n-y\n+Y\n z\n\\ No newline at end of file\n"
    assert written_edits(diff) == [Edit("a.py", "a\nb\n", "a\nB\n"), Edit("a.py", "y\nz", "Y\nz")]


def test_a_removed_line_of_dashes_is_not_a_header() -> None:
    diff = "--- a/a.sql\n+++ b/a.sql\n@@ -1,2 +1 @@\n--- comment\n x\n"
    assert written_edits(diff) == [Edit("a.sql", "-- comment\nx\n", "x\n")]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("", "No edit was found"),
        ("I would change the loop.", "No edit was found"),
        ("For example:\n```python\nx = 1\n```", "No edit was found"),
        ("In `src/a.py` write this:\n```python\nx = 1\n```", "No edit was found"),
        ("### v1.2\n```\nx\n```", "No edit was found"),
        ("x" * 100_000 + "\n```\nx\n```", "No edit was found"),
        ("```\nsee b.py\nb.py\n```\n" + BLOCK, "names no file"),
        (BLOCK, "names no file"),
        ("Look here\n" + BLOCK, "names no file"),
        ("a.py\n<<<<<<< SEARCH\nold\n=======\nnew\n", "cut off"),
        ("a.py\n<<<<<<< SEARCH\nold\n" + BLOCK, "cut off"),
        ("a.py\n<<<<<<< SEARCH\nold\n>>>>>>> REPLACE\n", "0 lines of ======="),
        ("a.py\n<<<<<<< SEARCH\nTitle\n=======\n=======\nnew\n>>>>>>> REPLACE\n", "2 lines of ======="),
        ("a.py\n```python\nx = 1\n", "cut off"),
        ("--- a/a.py\n+++ b/a.py\nno hunk\n", "no hunk"),
        ("--- a/a.py\n+++ b/b.py\n@@ -1 +1 @@\n-x\n+y\n", "move_file"),
        ("diff --git a/a b/b\nrename from a\nrename to b\n", "move_file"),
    ],
)
def test_what_cannot_be_read_is_said(answer: str, says: str) -> None:
    with pytest.raises(ToolError, match=says):
        written_edits(answer)


unique_lines = st.lists(st.integers(0, 60), unique=True, min_size=1, max_size=25).map(
    lambda numbers: "".join(f"line {number}\n" for number in numbers)
)


@settings(deadline=None)
@given(unique_lines, unique_lines)
def test_a_diff_is_read_as_it_was_written(before: str, after: str) -> None:
    diff = unified_diff("a.txt", before, after)
    if before != after:
        text = before
        for edit in written_edits(diff):
            assert isinstance(edit, Edit)
            text = apply_edit(text, edit.old, edit.new).text
        assert text == after
