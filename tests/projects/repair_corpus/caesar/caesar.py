def shift(text, n):
    """Return `text` with each lower-case letter moved `n` places on in the alphabet, round its end."""
    result = []
    for character in text:
        if "a" <= character <= "z":
            result.append(chr((ord(character) - ord("a") + n) % 26 + ord("a")))
        else:
            result.append(character)
    return "".join(result)
