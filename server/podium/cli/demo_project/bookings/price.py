"""What a booking costs."""

RATE_PER_HOUR = 40
LONG_BOOKING_MINUTES = 4 * 60
LONG_BOOKING_DISCOUNT = 0.25


def price(interval, members=False):
    """Return the price in whole euros; members pay half, and long bookings are cheaper."""
    total = RATE_PER_HOUR * interval.minutes / 60
    if interval.minutes >= LONG_BOOKING_MINUTES:
        total -= total * LONG_BOOKING_DISCOUNT
    if members:
        total /= 2
    return round(total)
