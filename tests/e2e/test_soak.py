"""The short form of the benchmark `soak`: what missions take while they run, they give back."""

from tests.bench import soak


def test_a_server_holds_no_more_files_tasks_and_processes_after_missions_than_before() -> None:
    found = soak.run("120")
    left = {name: found[name] for name in ("descriptors", "tasks", "children", "temporary")}
    assert left == {"descriptors": 0, "tasks": 0, "children": 0, "temporary": 0}
    assert found["threads"] <= 3, "some that wait for work are kept for a while"
    assert found["missions"] == 3


def test_the_slope_is_that_of_the_line_through_the_points() -> None:
    assert soak.slope([(0, 10), (1, 12), (2, 14)]) == 2
    assert soak.slope([(0, 5), (10, 5), (20, 5)]) == 0
