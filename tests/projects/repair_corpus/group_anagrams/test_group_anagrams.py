from group_anagrams import groups

def test_groups():
    assert groups(["tea", "ate", "bat", "eat", "tab"]) == [["ate", "eat", "tea"], ["bat", "tab"]]

def test_single():
    assert groups(["x"]) == [["x"]]

def test_empty():
    assert groups([]) == []
