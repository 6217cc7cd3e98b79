"""A room and who has booked it when."""

from bookings.interval import Interval


class AlreadyBooked(Exception):
    """The room is taken at that time."""


class Room:
    """A room that can be booked from `opens` to `closes`."""

    def __init__(self, name, opens=8 * 60, closes=18 * 60):
        self.name = name
        self.hours = Interval(opens, closes)
        self.bookings = {}

    def book(self, interval, who):
        """Book the room for `who`.

        Raises:
            ValueError: the room is closed at that time.
            AlreadyBooked: somebody else has it then.
        """
        if interval.start < self.hours.start or interval.end > self.hours.end:
            raise ValueError(f"{self.name} is closed then")
        for taken, holder in self.bookings.items():
            if interval.overlaps(taken):
                raise AlreadyBooked(f"{self.name} is taken by {holder}")
        self.bookings[interval] = who

    def cancel(self, interval):
        """Give a booking back; return who had it, or None."""
        return self.bookings.pop(interval, None)

    def free(self):
        """Return the free intervals of the day, in order."""
        gaps = []
        start = self.hours.start
        for taken in sorted(self.bookings):
            if taken.start > start:
                gaps.append(Interval(start, taken.start))
            start = taken.end
        if start < self.hours.end:
            gaps.append(Interval(start, self.hours.end))
        return gaps
