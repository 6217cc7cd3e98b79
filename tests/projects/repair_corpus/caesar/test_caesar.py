from caesar import shift

def test_letters():
    assert shift("abc", 1) == "bcd"
    assert shift("xyz", 3) == "abc"

def test_others_stay():
    assert shift("Hi, you!", 1) == "Hj, zpv!"

def test_back():
    assert shift(shift("hello world", 5), -5) == "hello world"
