def groups(words):
    """Return the words in groups of anagrams, each sorted, the groups by their first word."""
    found = {}
    for word in words:
        key = "".join(sorted(word))
        found.setdefault(key, []).append(word)
    return sorted(sorted(group) for group in found.values())
