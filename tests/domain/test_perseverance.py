"""What is done about a task that keeps failing."""

from podium.domain.perseverance import another_worker, candidates_wanted, gets_on


def test_the_number_of_candidates_doubles_with_every_red_attempt_up_to_eight() -> None:
    assert [candidates_wanted(n_red) for n_red in range(1, 6)] == [2, 4, 8, 8, 8]


def test_a_worker_stops_when_the_same_error_came_three_times() -> None:
    assert gets_on(n_same=2, n_doubts=0, n_attempts=2)
    assert not gets_on(n_same=3, n_doubts=0, n_attempts=3)


def test_a_worker_stops_when_five_reviewers_rejected_the_same_change() -> None:
    assert gets_on(n_same=1, n_doubts=4, n_attempts=4)
    assert not gets_on(n_same=1, n_doubts=5, n_attempts=5)


def test_a_worker_stops_after_ten_attempts_whatever_its_errors() -> None:
    assert gets_on(n_same=1, n_doubts=0, n_attempts=9)
    assert not gets_on(n_same=1, n_doubts=0, n_attempts=10)


def test_a_second_worker_tries_before_the_user_is_asked() -> None:
    assert [another_worker(n) for n in (1, 2)] == [True, False]
