def count_words(text):
    """Return how often each word occurs, whatever its case and the punctuation around it."""
    counts = {}
    for raw in text.split():
        word = raw.strip(".,;:!?").lower()
        if word:
            counts[word] = counts.get(word, 0) + 1
    return counts
