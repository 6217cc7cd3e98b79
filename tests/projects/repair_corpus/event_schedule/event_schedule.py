from dataclasses import dataclass


@dataclass
class Event:
    name: str
    start: int
    end: int


def choose(events):
    """Return the names of as many events as can be visited one after the other."""
    chosen = []
    free_from = 0
    for event in sorted(events, key=lambda event: event.end):
        if event.start >= free_from:
            chosen.append(event.name)
            free_from = event.end
    return chosen
