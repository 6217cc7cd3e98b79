from shortest_paths import distances

def test_alone():
    assert distances({}, "a") == {"a": 0}

def test_detour_is_shorter():
    graph = {"a": {"b": 10, "c": 1}, "c": {"b": 2}, "b": {"d": 1}}
    assert distances(graph, "a") == {"a": 0, "b": 3, "c": 1, "d": 4}

def test_cycle():
    assert distances({"a": {"b": 1}, "b": {"a": 1}}, "a") == {"a": 0, "b": 1}
