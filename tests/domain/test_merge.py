"""Merging, hunks and diffs, held against git itself."""

import subprocess
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.domain.lines import Change, changes, split_lines
from podium.domain.merge import apply_hunks, hunks, merge3, overlaid, unified_diff

# Few different lines, so that repeated ones and ambiguous alignments are common.
texts = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\n", "x\r\n", "}\n"]), max_size=14).flatmap(
    lambda lines: st.sampled_from(["".join(lines), "".join(lines) + "end without newline"])
)


@st.composite
def three_versions(draw: st.DrawFn) -> tuple[str, str, str]:
    """A base of distinct lines and two sides, each with lines dropped, replaced and inserted."""
    n_lines = draw(st.integers(0, 12))
    base = [f"line {i}\n" for i in range(n_lines)]
    shared = draw(st.booleans())

    def side(name: str) -> str:
        out: list[str] = []
        for i, line in enumerate([*base, ""]):
            edit = draw(
                st.sampled_from(["keep", "keep", "keep", "keep", "insert", "drop", "replace", "same"])
            )
            if edit == "insert":
                out.append(f"{name} before {i}\n")
            if edit in {"insert", "keep"}:
                out.append(line)
            if edit == "replace" and line:
                out.append(f"{name} for {i}\n")
            if edit == "same":
                out.append(f"{'both' if shared else name} {i}\r\n")
        return "".join(out)

    return "".join(base), side("ours"), side("theirs")


def git_merge(base: str, ours: str, theirs: str) -> tuple[str, int]:
    """Return the merged text and the number of conflicts that git finds."""
    with TemporaryDirectory() as folder:
        for name, text in (("base", base), ("ours", ours), ("theirs", theirs)):
            (Path(folder) / name).write_bytes(text.encode())
        run = subprocess.run(
            ["git", "merge-file", "-p", "-q", "ours", "base", "theirs"],
            cwd=folder,
            capture_output=True,
            check=False,
        )
        return run.stdout.decode(), run.returncode


@settings(max_examples=80, deadline=None)
@given(three_versions())
def test_a_merge_agrees_with_git(versions: tuple[str, str, str]) -> None:
    merge = merge3(*versions)
    text, n_conflicts = git_merge(*versions)
    assert bool(merge.conflicts) == bool(n_conflicts)
    if not n_conflicts:
        assert merge.text == text


@settings(deadline=None)
@given(texts, texts)
def test_an_unchanged_side_yields_to_the_other(base: str, other: str) -> None:
    assert merge3(base, base, other).text == other
    assert merge3(base, other, base).text == other
    assert merge3(base, other, other).text == other


@settings(deadline=None)
@given(texts, texts, texts)
def test_the_sides_of_a_merge_are_equals(base: str, ours: str, theirs: str) -> None:
    one, other = merge3(base, ours, theirs), merge3(base, theirs, ours)
    assert len(one.conflicts) == len(other.conflicts)
    if not one.conflicts:
        assert one.text == other.text


@settings(deadline=None)
@given(texts, texts, texts)
def test_a_conflict_names_what_stands_on_each_side(base: str, ours: str, theirs: str) -> None:
    for conflict in merge3(base, ours, theirs).conflicts:
        for span, text in ((conflict.base, base), (conflict.ours, ours), (conflict.theirs, theirs)):
            assert span.text == "".join(split_lines(text)[span.start : span.end])


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ("A\nb\nc\nd\n", "a\nb\nc\nD\n", "A\nb\nc\nD\n"),
        ("a\nb\nc\nd\ntyped\n", "A\nb\nc\nd\n", "A\nb\nc\nd\ntyped\n"),
        ("X\nb\nc\nd\n", "X\nb\nc\nD\n", "X\nb\nc\nD\n"),
        ("a\nc\nd\n", "a\nb\nc\nnew\nd\n", "a\nc\nnew\nd\n"),
        ("a\r\nb\nc\nd\n", "a\nb\nc\nd", "a\r\nb\nc\nd"),
    ],
)
def test_separate_changes_both_arrive(ours: str, theirs: str, expected: str) -> None:
    merge = merge3("a\nb\nc\nd\n", ours, theirs)
    assert (merge.text, merge.conflicts) == (expected, ())


def test_touching_changes_conflict_and_the_text_keeps_ours() -> None:
    merge = merge3("a\nb\nc\n", "A\nb\nc\n", "a\nB\nc\n")
    assert merge.text == "A\nb\nc\n"
    (conflict,) = merge.conflicts
    assert (conflict.base.text, conflict.ours.text, conflict.theirs.text) == ("a\nb\n", "A\nb\n", "a\nB\n")


BASE = "one\ntwo\n\nthree\n\nfour\n"


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        # Nobody contradicts anybody.
        ("ONE\ntwo\n\nthree\n\nfour\n", "one\ntwo\n\nthree\n\nfour!\n", "ONE\ntwo\n\nthree\n\nfour!\n"),
        # They changed lines on both sides of a blank one, each for one: only the one that ours has is given up.
        ("one\nTWO\n\nthree\n\nfour\n", "one\n2\n\n3\n\nfour\n", "one\nTWO\n\n3\n\nfour\n"),
    ],
)
def test_a_text_laid_over_another_has_its_way_and_no_line_twice(
    ours: str, theirs: str, expected: str
) -> None:
    assert overlaid(BASE, ours, theirs) == expected


def test_a_line_that_they_changed_and_seem_to_have_moved_is_not_there_twice() -> None:
    ours, theirs = "P\nx\n\n\nq\n", "p!\nn\n\nx!\nc\n\nq\n"
    assert merge3("p\nx\n\n\nq\n", ours, theirs).text == "P\nx\n\nx!\nc\n\nq\n"
    assert overlaid("p\nx\n\n\nq\n", ours, theirs) == ours


@settings(deadline=None)
@given(texts, texts)
def test_hunks_turn_one_text_into_the_other(before: str, after: str) -> None:
    found = hunks(before, after)
    assert apply_hunks(before, found) == after
    for hunk in found:
        assert before[hunk.offset : hunk.end_offset] == hunk.old
        assert hunk.old == "".join(split_lines(before)[hunk.start : hunk.end])


@settings(deadline=None)
@given(texts, texts)
def test_a_common_line_lies_between_two_changes(before: str, after: str) -> None:
    found = changes(split_lines(before), split_lines(after))
    for above, below in pairwise(found):
        assert below.start > above.end
        assert below.new_start > above.new_end


def test_a_change_that_could_stand_in_several_places_stands_in_the_last() -> None:
    assert changes(["a", "x", "x", "b"], ["a", "x", "x", "x", "b"]) == [Change(3, 3, 3, 4)]
    assert changes(["a", "x", "x", "x", "b"], ["a", "x", "b"]) == [Change(2, 4, 2, 2)]
    assert changes(["e", "d", "x", "x"], ["d", "x"]) == [Change(0, 1, 0, 0), Change(3, 4, 2, 2)]
    assert changes(["f(", ")", "g(", ")"], ["f(", ")", "h(", ")", "g(", ")"]) == [Change(2, 2, 2, 4)]


def test_one_hunk_can_be_taken_without_the_others() -> None:
    first, second = hunks("a\nb\nc\nd\n", "A\nb\nc\nD\nE\n")
    assert apply_hunks("a\nb\nc\nd\n", [second]) == "a\nb\nc\nD\nE\n"
    assert apply_hunks("a\nb\nc\nd\n", [first]) == "A\nb\nc\nd\n"
    assert (second.start, second.end, second.new_start) == (3, 4, 3)


@settings(max_examples=40, deadline=None)
@given(st.none() | texts, st.none() | texts)
def test_git_applies_the_diff(before: str | None, after: str | None) -> None:
    diff = unified_diff("dir/a file.txt", before, after)
    if (before or "") == (after or ""):
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "dir" / "a file.txt"
        path.parent.mkdir()
        if before is not None:
            path.write_bytes(before.encode())
        command = ["git", "apply", "--unidiff-zero", "--whitespace=nowarn", "-"]
        run = subprocess.run(command, cwd=folder, input=diff.encode(), capture_output=True, check=False)
        assert run.returncode == 0, (run.stderr, diff)
        assert (path.read_bytes().decode() if path.exists() else None) == after


def test_a_diff_reads_as_git_writes_it() -> None:
    assert unified_diff("a.py", None, "one\n") == "--- /dev/null\n+++ b/a.py\n@@ -0,0 +1 @@\n+one\n"
    assert unified_diff("a.py", "one\ntwo", None) == (
        "--- a/a.py\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-one\n-two\n\\ No newline at end of file\n"
    )
    assert unified_diff("a.py", "same\n", "same\n") == ""


@pytest.mark.timeout(10)
@pytest.mark.parametrize("repeated", [False, True])
def test_a_long_file_is_compared_in_an_instant(repeated: bool) -> None:
    before = [f"line {i % 40 if repeated else i}\n" for i in range(5000)]
    after = [line if i % 100 else f"changed {i}\n" for i, line in enumerate(before)]
    found = changes(before, after)
    assert len(found) == 50


@pytest.mark.timeout(20)
def test_unrelated_long_files_are_compared_in_bounded_time() -> None:
    before = [f"{i * i % 97}\n" for i in range(5000)]
    after = [f"{i * i * i % 89}\n" for i in range(5000)]
    found = changes(before, after)
    assert apply_hunks("".join(before), hunks("".join(before), "".join(after))) == "".join(after)
    assert found
