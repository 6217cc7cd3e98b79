"""What the workflow makes of a model that errs; the figures, on real code, are the benchmark `workflow`'s."""

import anyio

from podium.domain.events import TaskAccepted
from tests.engine.erring_world import Came, Project, mission

PROJECT = Project.made_up()


def missions(percent: int, n_faults: int, n: int) -> list[Came]:
    """Return what came of `n` missions, and make sure that none was signed off with anything wrong."""
    came = [anyio.run(mission, PROJECT, percent, n_faults, seed) for seed in range(n)]
    assert all(c.right for c in came if c.state.ending == "signed_off")
    return came


def n_succeeded(came: list[Came]) -> int:
    """Return how many missions were signed off."""
    return sum(c.state.ending == "signed_off" for c in came)


def test_a_model_that_never_errs_needs_one_attempt_for_each_task() -> None:
    (came,) = missions(0, 10, 1)
    assert came.state.ending == "signed_off"
    assert came.state.spent.attempts == 10


def test_a_model_that_errs_three_times_in_ten_gets_missions_of_ten_tasks_done() -> None:
    assert n_succeeded(missions(30, 10, 12)) >= 11


def test_a_model_that_errs_more_often_than_not_claims_no_false_success() -> None:
    assert n_succeeded(missions(60, 10, 3)) >= 1


def test_fifty_tasks_are_each_accepted_once() -> None:
    (came,) = missions(30, 50, 1)
    planned = [r.event.task_id for r in came.journal.records if isinstance(r.event, TaskAccepted)]
    assert len(planned) == len({*planned})
    assert len(planned) >= 45
