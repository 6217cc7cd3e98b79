"""The server's edit is told apart from typing by what the client tells, also where it hit other lines."""

from lsprotocol import types

from podium.domain.splices import spliced
from podium.lsp.followed import Followed

TEXT = "a\nb\nc\n"


def span(*places: int) -> types.Range:
    return types.Range(types.Position(*places[:2]), types.Position(*places[2:]))


def typed(text: str, *places: int) -> types.TextDocumentContentChangePartial:
    return types.TextDocumentContentChangePartial(range=span(*places), text=text)


def following(new: str, *places: int) -> Followed:
    followed = Followed(TEXT, "utf-16")
    followed.expect([types.TextEdit(span(*places), new)], TEXT)
    return followed


def test_an_edit_that_went_astray_is_taken_out_and_what_was_typed_into_it_stays() -> None:
    followed = following("B\n", 1, 0, 2, 0)
    followed.change([typed("x\n", 0, 0, 0, 0)])
    followed.change([typed("B\n", 1, 0, 2, 0)])
    followed.change([typed("!", 1, 1, 1, 1)])
    assert followed.sighting == "astray"
    assert spliced("x\nB!\nb\nc\n", followed.back()) == "x\na!\nb\nc\n"


def test_an_edit_that_typing_made_end_inside_of_a_character_is_known_with_the_whole_of_it() -> None:
    followed = following("B", 1, 0, 1, 1)
    followed.change([typed("🐻", 1, 0, 1, 0), typed("B", 1, 0, 1, 2)])
    assert followed.sighting == "astray"
    assert spliced("a\nBb\nc\n", followed.back()) == "a\n🐻b\nc\n"


def test_an_edit_that_typing_made_begin_inside_of_a_character_is_known_behind_it() -> None:
    followed = Followed("xyzb\n", "utf-16")
    followed.expect([types.TextEdit(span(0, 2, 0, 4), "By")], "xyzb\n")
    followed.change([typed("🐻", 0, 1, 0, 3), typed("By", 0, 3, 0, 4)])
    assert followed.sighting == "astray"
    assert spliced("x🐻By\n", followed.back()) == "x🐻b\n"


def test_an_edit_beside_typing_arrived_where_it_was_meant_for() -> None:
    followed = following("b!\n", 1, 0, 2, 0)
    followed.change([typed("x", 2, 0, 2, 0)])
    followed.change([typed("b!\n", 1, 0, 2, 0)])
    assert followed.sighting == "arrived"
    assert spliced("a\nb!\nxc\n", followed.back()) == "a\nb\nxc\n"


def test_a_file_that_is_opened_with_the_edit_in_it_can_be_without_it() -> None:
    followed = following("B\n", 1, 0, 2, 0)
    followed.reads("a\nB\nc\n")
    followed.change([typed("!", 1, 1, 1, 1)])
    assert followed.sighting == "arrived"
    assert spliced("a\nB!\nc\n", followed.back()) == "a\nb!\nc\n"


def test_what_is_kept_elsewhere_is_taken_out_as_well_and_what_is_typed_after_that_stays() -> None:
    followed = Followed("", "utf-16")
    followed.expect([types.TextEdit(span(0, 0, 0, 0), TEXT)], "")
    followed.reads(TEXT)
    followed.change([typed("!", 0, 1, 0, 1)])
    take_over = followed.taking_over()
    followed.change([typed("?", 1, 1, 1, 1)])
    assert spliced("a!\nb?\nc\n", followed.back()) == "!?"
    take_over()
    assert spliced("a!\nb?\nc\n", followed.back()) == "?"


def test_what_looks_like_a_stray_edit_is_typing_where_the_client_says_that_it_applied_nothing() -> None:
    followed = following("B\n", 1, 0, 2, 0)
    followed.change([typed("x\n", 0, 0, 0, 0), typed("B\n", 1, 0, 2, 0)])
    followed.refused()
    assert (followed.sighting, followed.back()) == ("unseen", ())


def test_a_stray_edit_of_one_blank_cannot_be_told_from_a_keystroke_and_counts_as_one() -> None:
    followed = following("\n", 1, 0, 1, 0)
    followed.change([typed("x\n", 0, 0, 0, 0), typed("\n", 1, 0, 1, 0)])
    assert (followed.sighting, followed.back()) == ("unseen", ())


def test_a_stray_edit_of_one_character_is_known_unless_the_client_says_that_it_applied_nothing() -> None:
    followed = following("B", 1, 0, 1, 0)
    followed.change([typed("x\n", 0, 0, 0, 0), typed("B", 1, 0, 1, 0)])
    assert spliced("x\nBa\nb\nc\n", followed.back()) == "x\na\nb\nc\n"
    followed.refused()
    assert (followed.sighting, followed.back()) == ("unseen", ())


def test_a_whole_text_with_a_part_of_the_edit_is_what_erasing_left_of_it() -> None:
    followed = following("long new line\n", 1, 0, 1, 0)
    followed.change([types.TextDocumentContentChangeWholeDocument("a\nl\nb\nc!\n")])
    assert followed.sighting == "arrived"
    assert spliced("a\nl\nb\nc!\n", followed.back()) == "a\nb\nc!\n"


def test_a_whole_text_without_the_edit_is_typing() -> None:
    followed = following("long new line\n", 1, 0, 1, 0)
    followed.change([types.TextDocumentContentChangeWholeDocument("a\nb\nc!\n")])
    assert (followed.sighting, followed.back()) == ("unseen", ())


def test_a_whole_text_that_holds_the_edit_and_typing_is_taken_for_both() -> None:
    followed = following("long new line\n", 1, 0, 2, 0)
    followed.change([types.TextDocumentContentChangeWholeDocument("a\nlong new line\nc!\n")])
    assert followed.sighting == "arrived"
    assert spliced("a\nlong new line\nc!\n", followed.back()) == "a\nb\nc!\n"
