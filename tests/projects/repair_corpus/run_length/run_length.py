def encode(text):
    """Return (character, count) for each run of equal characters."""
    runs = []
    previous = None
    count = 0
    for character in text:
        if character == previous:
            count += 1
        else:
            if previous is not None:
                runs.append((previous, count))
            previous = character
            count = 1
    if previous is not None:
        runs.append((previous, count))
    return runs


def decode(runs):
    return "".join(character * count for character, count in runs)
