from word_count import count_words

def test_case_and_punctuation():
    assert count_words("The cat, the dog.") == {"the": 2, "cat": 1, "dog": 1}

def test_only_punctuation():
    assert count_words(" ... ") == {}

def test_repeats():
    assert count_words("a a! A") == {"a": 3}
