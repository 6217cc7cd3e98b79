def rotate(items, n):
    """Return the items moved `n` places to the right, those at the end coming round to the start."""
    if not items:
        return []
    n = n % len(items)
    return items[-n:] + items[:-n] if n else list(items)
