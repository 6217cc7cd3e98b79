"""Half-open intervals of time: the start belongs to them, the end does not."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Interval:
    """Minutes since midnight, from `start` up to but not including `end`."""

    start: int
    end: int

    def __post_init__(self):
        if self.end <= self.start:
            raise ValueError(f"an interval must end after it starts: {self.start}-{self.end}")

    @property
    def minutes(self):
        return self.end - self.start

    def contains(self, minute):
        return self.start <= minute < self.end

    def overlaps(self, other):
        """Return whether some minute belongs to both."""
        return self.start <= other.end and other.start < self.end


def clock(text):
    """Return the minutes since midnight of a time like `9:30`."""
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def span(text):
    """Return the interval of a text like `9:30-10:15`."""
    start, end = text.split("-")
    return Interval(clock(start), clock(end))
