from ini_reader import read

def test_settings():
    assert read("a = 1\nb=x=y") == {"": {"a": "1", "b": "x=y"}}

def test_sections():
    assert read("[one]\na=1\n\n# no\n[two]\nb=2") == {"": {}, "one": {"a": "1"}, "two": {"b": "2"}}

def test_comment():
    assert read("# a=1") == {"": {}}
