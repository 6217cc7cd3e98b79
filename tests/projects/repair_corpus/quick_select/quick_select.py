def kth_smallest(values, k):
    """Return the k-th smallest value, counted from zero."""
    pivot = values[len(values) // 2]
    below = [value for value in values if value < pivot]
    equal = [value for value in values if value == pivot]
    above = [value for value in values if value > pivot]
    if k < len(below):
        return kth_smallest(below, k)
    if k < len(below) + len(equal):
        return pivot
    return kth_smallest(above, k - len(below) - len(equal))
