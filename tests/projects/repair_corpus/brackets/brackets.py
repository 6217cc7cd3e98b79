PAIRS = {")": "(", "]": "[", "}": "{"}


def balanced(text):
    """Return whether every bracket of `text` is closed by its partner, in order."""
    open_brackets = []
    for character in text:
        if character in PAIRS.values():
            open_brackets.append(character)
        elif character in PAIRS:
            if not open_brackets or open_brackets.pop() != PAIRS[character]:
                return False
    return not open_brackets
