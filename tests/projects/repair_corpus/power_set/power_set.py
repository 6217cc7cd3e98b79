def power_set(items):
    """Return all sub-lists of `items`, those without the first item first."""
    if not items:
        return [[]]
    head, *tail = items
    without = power_set(tail)
    return without + [[head] + subset for subset in without]
