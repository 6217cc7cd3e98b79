"""The pace of a provider: what answers, refusals and faults teach."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.domain.allowance import Rates, Told, Window, allowance
from podium.domain.breaker import FAULTS, Breaker
from podium.domain.concurrency import MOST, Concurrency
from podium.domain.pace import Pace, Refusal, Sent, Wait

REFUSALS: list[Refusal] = ["rate", "concurrency", "unclear", "overload"]


# --- how many at once -------------------------------------------------------------------------------


def test_it_grows_while_it_is_made_use_of_and_not_beyond_fifty() -> None:
    unused = used = Concurrency()
    for number in range(1000):
        unused = unused.succeeded(1, float(number))
        used = used.succeeded(int(used.limit), float(number))
    assert unused == Concurrency()
    assert used.limit == MOST


def test_a_refusal_cuts_once_for_all_that_were_under_way_and_remembers_what_went_well() -> None:
    cut = Concurrency(limit=20).refused(number=15, beside=15, last_number=20, now=0)
    assert (cut.limit, cut.ceiling) == (pytest.approx(14 * 0.7), 14)
    assert cut.refused(number=20, beside=20, last_number=20, now=0) == cut
    assert cut.refused(number=21, beside=10, last_number=21, now=0).limit < cut.limit


def test_after_a_refusal_it_returns_to_what_went_well_and_beyond_it_only_later() -> None:
    cut = Concurrency(limit=20).refused(15, 15, 20, now=0)
    for _ in range(100):
        cut = cut.succeeded(int(cut.limit), now=1)
    assert cut.limit == 14
    beyond = cut.succeeded(14, now=cut.probe_at)
    assert (beyond.limit, beyond.ceiling, beyond.step) == (15, 15, 2)


def test_it_is_never_less_than_one() -> None:
    least = Concurrency()
    for number in range(1, 50):
        least = least.refused(number, 2, number, 0.0).eased(number + 1, number + 1)
    assert least.limit == 1
    assert least.allows(0)


# --- limits that are told ---------------------------------------------------------------------------


def test_what_is_left_may_be_used_at_once() -> None:
    told = allowance(Told(remaining=3, limit=10, reset_s=60), number=1, spent_since=2, now=0)
    assert told.wait_s(1, now=0) == 0
    assert replace(told, spent=3).wait_s(1, now=0) > 0


def test_what_comes_back_bit_by_bit_is_waited_for_bit_by_bit() -> None:
    told = allowance(Told(remaining=0, limit=100, reset_s=50), 1, 0, now=0)  # two a second
    assert told.wait_s(1, now=0) == pytest.approx(0.5)
    assert told.wait_s(20, now=5) == pytest.approx(5)
    assert replace(told, in_steps=True).wait_s(1, now=5) == 45
    assert told.wait_s(1000, now=0) == 50  # no more than there ever is


def test_when_all_is_there_again_or_nothing_is_known_nobody_waits() -> None:
    assert allowance(Told(0, 100, 50), 1, 0, now=0).wait_s(1, now=50) == 0
    assert allowance(Told(0), 1, 0, now=0).wait_s(1, now=0) == 0


def test_a_late_reply_to_an_early_request_is_old_news() -> None:
    new = allowance(Told(3, 10, 60), number=7, spent_since=0, now=5)
    assert new.after(Told(9, 10, 60), number=6, spent_since=1, now=6) == new


# --- limits that are learned from refusals ----------------------------------------------------------


def sent_at(*times: float) -> Window:
    window = Window()
    for at in times:
        window = window.after_sending(at)
    return window


def test_without_a_refusal_there_is_no_limit() -> None:
    assert sent_at(*range(1000)).wait_s(999) == 0


def test_as_many_as_went_well_go_in_a_minute() -> None:
    learned = sent_at(0, 1, 2, 3).refused(3, now=4)
    assert learned.limit == 3
    assert learned.wait_s(4) == pytest.approx(56)
    assert learned.wait_s(60.5) == 0


def test_more_is_tried_after_a_while_and_less_soon_the_next_time() -> None:
    learned = sent_at(*range(10), 20).refused(20, now=20)
    assert learned.limit == 10
    more = learned.after_sending(learned.raise_at)
    assert more.limit == 13
    again = more
    for _ in range(11):
        again = again.after_sending(learned.raise_at)
    again = again.refused(learned.raise_at, now=learned.raise_at)
    assert (again.limit, again.hold_s) == (11, 2 * learned.hold_s)


# --- the breaker ------------------------------------------------------------------------------------


def broken(n: int) -> Breaker:
    breaker = Breaker()
    for number in range(1, n + 1):
        breaker = breaker.broke(number, now=0.0, jitter=1.0)
    return breaker


def test_five_faults_in_a_row_open_it_and_one_request_at_a_time_tries() -> None:
    assert broken(FAULTS - 1).blocked_s(0) == 0
    opened = broken(FAULTS)
    assert opened.blocked_s(0) == 2
    assert opened.blocked_s(2) == 0
    trying = opened.after_sending(9)
    assert trying.blocked_s(2) is None
    assert trying.broke(9, now=2, jitter=1.0).blocked_s(2) == 4
    assert trying.abandoned(9).blocked_s(2) == 0
    assert trying.broke(8, now=2, jitter=1.0) == trying  # was sent before it opened


def test_its_waits_are_capped() -> None:
    breaker, now = broken(FAULTS), 0.0
    for number in range(100, 120):
        breaker = breaker.after_sending(number).broke(number, now, jitter=1.0)
    assert breaker.blocked_s(now) == 60


# --- all of it --------------------------------------------------------------------------------------


def test_a_used_up_limit_of_one_model_is_none_of_another() -> None:
    pace, sent = Pace().send("a", 0.0)
    rates: Rates = {"tokens": Told(0, 100, 60)}
    pace = pace.succeeded(sent, rates, n_tokens=50, now=0.0)
    assert pace.wait("a", 0.0) == Wait("rate limit", 30.0)
    assert pace.wait("b", 0.0) is None


def test_what_is_refused_together_counts_as_one_refusal() -> None:
    pace, burst = Pace(), list[Sent]()
    for _ in range(10):
        pace, sent = pace.send("a", 0.0)
        burst.append(sent)
    for sent in burst:
        pace = pace.refused(sent, "unclear", None, {}, 0.0, jitter=1.0)
    wait = pace.wait("a", 0.0)
    assert wait is not None
    assert wait.why == "rate limit"
    assert wait.until == pytest.approx(1.0)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["send", "succeed", "refuse", "break", "abandon"]),
            st.floats(0, 30),
            st.sampled_from(REFUSALS),
            st.none() | st.floats(0, 100),
            st.none() | st.integers(0, 5),
        ),
        max_size=60,
    )
)
def test_whatever_happens_the_number_under_way_is_right_and_somebody_may_go_in_the_end(
    steps: list[tuple[str, float, Refusal, float | None, int | None]],
) -> None:
    pace, under_way, now = Pace(), list[Sent](), 0.0
    for step, passed_s, refusal, asked_s, remaining in steps:
        now += passed_s
        rates: Rates = {} if remaining is None else {"requests": Told(remaining, 5, 20.0)}
        if step == "send":
            if pace.wait("a", now) is None:
                pace, sent = pace.send("a", now)
                under_way.append(sent)
        elif under_way:
            sent = under_way.pop(0)
            match step:
                case "succeed":
                    pace = pace.succeeded(sent, rates, 10, now)
                case "refuse":
                    pace = pace.refused(sent, refusal, asked_s, rates, now, 1.0)
                case "break":
                    pace = pace.broke(sent, now, 1.0)
                case _:
                    pace = pace.abandoned(sent)
        assert pace.n_under_way == len(under_way) <= MOST
    for sent in under_way:
        pace = pace.abandoned(sent)
    assert pace.wait("a", now + 1000) is None
