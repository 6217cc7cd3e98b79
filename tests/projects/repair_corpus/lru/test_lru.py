from lru import Recent

def test_keeps():
    recent = Recent(2)
    recent.put("a", 1)
    assert recent.get("a") == 1
    assert recent.get("b") is None

def test_forgets_the_oldest():
    recent = Recent(2)
    for key in "abc":
        recent.put(key, key)
    assert recent.get("a") is None
    assert recent.get("b") == "b"
    assert recent.get("c") == "c"

def test_use_renews():
    recent = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    recent.get("a")
    recent.put("c", 3)
    assert recent.get("b") is None
    assert recent.get("a") == 1
