def order(needs):
    """Return the keys so that each stands after what it needs; `needs` maps a key to the keys it needs."""
    placed = []
    remaining = dict(needs)
    while remaining:
        ready = [key for key, before in remaining.items() if all(one in placed for one in before)]
        if not ready:
            raise ValueError("a cycle")
        for key in sorted(ready):
            placed.append(key)
            del remaining[key]
    return placed
