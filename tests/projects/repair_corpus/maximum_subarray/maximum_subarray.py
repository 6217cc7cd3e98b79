def best_sum(values):
    """Return the largest sum of neighbours; the empty stretch counts as 0."""
    best = current = 0
    for value in values:
        current = max(0, current + value)
        best = max(best, current)
    return best
