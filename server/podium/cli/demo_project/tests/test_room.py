import pytest

from bookings.interval import span
from bookings.room import AlreadyBooked, Room


def test_a_booked_room_cannot_be_booked_again():
    room = Room("Aula")
    room.book(span("9:00-10:00"), "Ada")
    with pytest.raises(AlreadyBooked, match="Ada"):
        room.book(span("9:30-10:30"), "Grace")


def test_meetings_can_follow_each_other_directly():
    room = Room("Aula")
    room.book(span("9:00-10:00"), "Ada")
    room.book(span("10:00-11:00"), "Grace")
    assert list(room.bookings.values()) == ["Ada", "Grace"]


def test_a_closed_room_cannot_be_booked():
    with pytest.raises(ValueError, match="closed"):
        Room("Aula").book(span("7:30-8:30"), "Ada")


def test_a_cancelled_booking_is_free_again():
    room = Room("Aula")
    room.book(span("9:00-10:00"), "Ada")
    assert room.cancel(span("9:00-10:00")) == "Ada"
    room.book(span("9:00-10:00"), "Grace")


def test_free_time_lies_between_bookings():
    room = Room("Aula")
    room.book(span("9:00-10:00"), "Ada")
    room.book(span("13:00-14:00"), "Grace")
    assert room.free() == [span("8:00-9:00"), span("10:00-13:00"), span("14:00-18:00")]
