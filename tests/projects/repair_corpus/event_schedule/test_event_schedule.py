from event_schedule import Event, choose

def test_none():
    assert choose([]) == []

def test_overlap():
    events = [Event("long", 0, 10), Event("a", 1, 3), Event("b", 3, 5), Event("c", 4, 7), Event("d", 6, 8)]
    assert choose(events) == ["a", "b", "d"]

def test_touching():
    assert choose([Event("x", 0, 1), Event("y", 1, 2)]) == ["x", "y"]
