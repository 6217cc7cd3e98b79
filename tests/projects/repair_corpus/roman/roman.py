VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def from_roman(text):
    """Return the number that a Roman numeral stands for."""
    total = 0
    for index, letter in enumerate(text):
        value = VALUES[letter]
        following = VALUES[text[index + 1]] if index + 1 < len(text) else 0
        if value < following:
            total -= value
        else:
            total += value
    return total
