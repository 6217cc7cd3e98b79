from text_wrap import wrap

def test_fits():
    assert wrap(["a", "bc"], 10) == ["a bc"]

def test_breaks():
    assert wrap(["aa", "bb", "cc"], 5) == ["aa bb", "cc"]

def test_empty():
    assert wrap([], 5) == []

def test_long_word():
    assert wrap(["abcdefgh", "i"], 4) == ["abcdefgh", "i"]
