def longest_run(values):
    """Return the length of the longest stretch of strictly rising neighbours."""
    best = 0
    current = 0
    previous = None
    for value in values:
        if previous is not None and value > previous:
            current += 1
        else:
            current = 1
        best = max(best, current)
        previous = value
    return best
