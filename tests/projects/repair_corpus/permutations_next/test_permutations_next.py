from permutations_next import next_permutation

def test_all_in_order():
    seen = [[1, 2, 3, 4]]
    while (following := next_permutation(seen[-1])) is not None:
        seen.append(following)
    assert len(seen) == 24
    assert seen == sorted(seen)
    assert seen[-1] == [4, 3, 2, 1]

def test_equal_items():
    assert next_permutation([1, 1, 2]) == [1, 2, 1]
    assert next_permutation([1, 2, 1]) == [2, 1, 1]
    assert next_permutation([2, 1, 1]) is None
