from depth_order import depth_first

def test_chain():
    assert depth_first({"a": ["b"], "b": ["c"]}, "a") == ["a", "b", "c"]

def test_branches_in_order():
    assert depth_first({"a": ["b", "c"], "b": ["d"]}, "a") == ["a", "b", "d", "c"]

def test_diamond_once():
    assert depth_first({"a": ["b", "c"], "b": ["d"], "c": ["d"]}, "a") == ["a", "b", "d", "c"]

def test_cycle():
    assert depth_first({"a": ["b"], "b": ["a"]}, "a") == ["a", "b"]
