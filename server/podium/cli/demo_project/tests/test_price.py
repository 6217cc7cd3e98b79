from bookings.interval import span
from bookings.price import price


def test_a_booking_is_paid_by_the_hour():
    assert price(span("9:00-10:30")) == 60


def test_a_long_booking_is_cheaper():
    assert price(span("9:00-13:00")) == 120
    assert price(span("9:00-12:59")) == 159


def test_members_pay_half():
    assert price(span("9:00-10:00"), members=True) == 20
