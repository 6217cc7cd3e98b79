def insert_position(values, wanted):
    """Return the first index at which `wanted` can be inserted so that `values` stays sorted."""
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) // 2
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low
