"""Facts count while what they were seen in stands there; a page that people edit stays theirs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.domain.knowledge import (
    HEAD,
    LONGEST_FACT,
    MOST_FACTS,
    MOST_TOLD,
    Fact,
    facts_in,
    learned,
    revised,
    told,
)

CODE = "import os\n\n\ndef total(lines):\n    return sum(lines)\n"
SEEN = {"a.py": CODE, "pytest": "python -m pytest"}


def fact(text: str = "Sums are made in total.", place: str = "a.py:4-5") -> Fact:
    made = learned(text, place, SEEN)
    assert made is not None
    return made


def page(*facts: Fact) -> str:
    return revised("", SEEN, facts).text


@pytest.mark.parametrize("place", ["a.py", "a.py:4", "a.py:4-5", "pytest"])
def test_a_fact_is_read_back_as_it_was_written(place: str) -> None:
    assert facts_in(page(fact(place=place))) == (fact(place=place),)


@pytest.mark.parametrize("place", ["", "b.py", "a.py:3", "a.py:99", "a.py:5-4", "a.py:4-99", "npm"])
def test_a_fact_without_evidence_is_not_kept(place: str) -> None:
    assert learned("It is so.", place, SEEN) is None


def test_a_fact_moves_with_its_lines() -> None:
    moved = revised(page(fact()), {"a.py": "# new\n\n" + CODE})
    assert [(f.text, f.place) for f in moved.facts] == [("Sums are made in total.", "a.py:6-7")]
    assert facts_in(moved.text) == moved.facts
    assert moved.stale == ()


@pytest.mark.parametrize("now", [CODE.replace("sum", "max"), "", None])
def test_a_fact_is_dropped_when_its_lines_stand_nowhere_any_more(now: str | None) -> None:
    after = revised(page(fact()), {"a.py": now})
    assert after.facts == ()
    assert after.stale == (fact(),)
    assert facts_in(after.text) == ()


def test_a_fact_about_a_whole_file_or_a_check_is_dropped_with_its_first_change() -> None:
    known = page(fact("It is short.", "a.py"), fact("One test: pytest -k.", "pytest"))
    after = revised(known, {"a.py": CODE + "# more\n", "pytest": "python -m pytest -x"})
    assert [f.place for f in after.stale] == ["a.py", "pytest"]


def test_what_nobody_looked_at_stays() -> None:
    assert revised(page(fact()), {}).facts == (fact(),)


def test_what_the_user_writes_counts_and_stays_byte_for_byte() -> None:
    text = "Notes of mine.\r\n\n1. Never touch\n   `legacy/`.\n* Tabs!\n\nThe end"
    assert facts_in(text) == (Fact("Never touch `legacy/`."), Fact("Tabs!"))
    assert revised(text, SEEN).text == text
    assert revised(text, SEEN, [fact()]).text == text.replace(
        "Tabs!", f"Tabs!\n{page(fact()).splitlines()[-1]}"
    )


def test_a_fact_that_the_user_rewords_keeps_its_place() -> None:
    reworded = page(fact()).replace("Sums are made in total.", "All sums: total().")
    assert facts_in(reworded) == (fact("All sums: total()."),)


def test_the_same_fact_is_kept_once_with_its_newest_evidence() -> None:
    again = revised(page(fact(place="a.py")), SEEN, [fact("sums are made  in total")])
    assert again.facts == (fact("sums are made in total"),)
    by_user = revised("- Sums are made in total\n", SEEN, [fact()])
    assert by_user.facts == (Fact("Sums are made in total"),)


def test_facts_of_agents_are_bounded_and_the_oldest_go_first_but_never_the_users() -> None:
    text = "- mine\n"
    for n in range(MOST_FACTS + 5):
        text = revised(text, SEEN, [fact(f"Fact {n}.")]).text
    texts = [f.text for f in facts_in(text)]
    assert texts == ["mine", *(f"Fact {n}." for n in range(5, MOST_FACTS + 5))]


def test_a_mission_is_told_a_bounded_part_the_users_facts_first_then_the_newest() -> None:
    facts = [*(fact(f"{n} " + "x" * 270) for n in range(30)), Fact("mine")]
    heard = told(facts)
    assert sum(len(f.text) + len(f.place) for f in heard) <= MOST_TOLD
    assert [f.text.split()[0] for f in heard] == [*(str(n) for n in range(16, 30)), "mine"]


def test_a_fact_is_one_short_line_whatever_a_model_writes() -> None:
    made = fact("a\n# Orders\n<!-- seen 0 --> " + "y" * 1000)
    assert len(made.text) == LONGEST_FACT
    assert facts_in(page(made)) == (made,)


def test_a_page_begins_with_what_it_is() -> None:
    assert page(fact()).startswith(HEAD)
    assert revised("", SEEN).text == ""


@given(st.text(alphabet="-*1. \n\t`—<>!seen a\ud800\r", max_size=80))
def test_any_text_is_read_and_left_as_it_is(text: str) -> None:
    assert revised(text, {}).text == text
    assert all("\n" not in f.text for f in facts_in(text))
