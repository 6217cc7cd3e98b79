from ranking import podium, ranking

def test_ranking():
    assert ranking({"ann": 3, "bob": 5, "cy": 1}) == ["bob", "ann", "cy"]
    assert ranking({"b": 1, "a": 1}) == ["a", "b"]

def test_podium():
    assert podium({"a": 1, "b": 2, "c": 3, "d": 4}) == ["d", "c", "b"]
