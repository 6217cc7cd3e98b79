def best_value(items, capacity):
    """Return the highest value of items (weight, value) that fit into `capacity`, each at most once."""
    best = [[0] * (capacity + 1) for _ in range(len(items) + 1)]
    for i, (weight, value) in enumerate(items, 1):
        for room in range(capacity + 1):
            best[i][room] = best[i - 1][room]
            if weight <= room:
                best[i][room] = max(best[i][room], best[i - 1][room - weight] + value)
    return best[len(items)][capacity]
