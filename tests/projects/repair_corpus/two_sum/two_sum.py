def two_sum(values, total):
    """Return the indexes of two values that sum up to `total`, or None."""
    seen = {}
    for index, value in enumerate(values):
        if total - value in seen:
            return seen[total - value], index
        seen[value] = index
    return None
