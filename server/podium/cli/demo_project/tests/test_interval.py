import pytest

from bookings.interval import Interval, clock, span


def test_a_time_is_read_as_minutes():
    assert clock("9:30") == 570


def test_an_interval_cannot_end_before_it_starts():
    with pytest.raises(ValueError, match="must end after"):
        span("10:00-9:00")


def test_the_end_does_not_belong_to_an_interval():
    morning = Interval(480, 720)
    assert morning.contains(480)
    assert not morning.contains(720)


def test_intervals_that_share_time_overlap():
    assert span("9:00-11:00").overlaps(span("10:00-12:00"))
    assert span("10:00-12:00").overlaps(span("9:00-11:00"))
    assert span("9:00-12:00").overlaps(span("10:00-11:00"))
    assert span("9:00-9:01").overlaps(span("9:00-17:00"))


def test_intervals_that_only_touch_do_not_overlap():
    assert not span("9:00-10:00").overlaps(span("10:00-11:00"))
    assert not span("10:00-11:00").overlaps(span("9:00-10:00"))
