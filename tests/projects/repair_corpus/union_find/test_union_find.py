from union_find import Groups

def test_apart():
    groups = Groups("abc")
    assert groups.find("a") != groups.find("b")
    assert groups.size_of("a") == 1

def test_joined():
    groups = Groups("abcd")
    assert groups.join("a", "b")
    assert groups.join("c", "b")
    assert not groups.join("a", "c")
    assert groups.find("a") == groups.find("c")
    assert [groups.size_of(x) for x in "abcd"] == [3, 3, 3, 1]
