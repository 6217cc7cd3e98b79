def average(values):
    """Return the arithmetic mean, 0.0 of nothing."""
    if not values:
        return 0.0
    return sum(values) / len(values)


def moving(values, width):
    """Return the mean of each window of `width` neighbours."""
    return [average(values[i : i + width]) for i in range(len(values) - width + 1)]
