"""Whether a change is in the user's files already, told by their content."""

from podium.domain.changes import FileEdit
from podium.engine.arrived import Arrived, arrived

SCRIPT = FileEdit("run.sh", None, b"echo\n", 0o755)


def test_what_arrived_is_told_from_what_is_lacking_and_permissions_stay() -> None:
    assert arrived([SCRIPT], lambda _: b"echo\n") == Arrived((SCRIPT,), ())
    assert arrived([SCRIPT], lambda _: None) == Arrived((), (SCRIPT,))


def test_a_file_that_was_created_and_not_filled_yet_is_lacking() -> None:
    assert arrived([SCRIPT], lambda _: b"") == Arrived((), (FileEdit("run.sh", b"", b"echo\n", 0o755),))


def test_a_change_that_was_typed_around_is_there() -> None:
    edit = FileEdit("a.py", b"one\ntwo\nthree\n", b"one\n2\nthree\n")
    typed = b"typed\none\n2\nthree\n"
    there = FileEdit("a.py", b"typed\none\ntwo\nthree\n", typed)
    assert arrived([edit], lambda _: typed) == Arrived((there,), ())
