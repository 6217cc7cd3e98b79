import pytest
from topological import order

def test_empty():
    assert order({}) == []

def test_chain():
    assert order({"c": ["b"], "b": ["a"], "a": []}) == ["a", "b", "c"]

def test_diamond():
    assert order({"d": ["b", "c"], "b": ["a"], "c": ["a"], "a": []}) == ["a", "b", "c", "d"]

def test_cycle():
    with pytest.raises(ValueError):
        order({"a": ["b"], "b": ["a"]})
