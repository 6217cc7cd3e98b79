def flatten(nested):
    """Yield the items of lists within lists, left to right."""
    for item in nested:
        if isinstance(item, list):
            yield from flatten(item)
        else:
            yield item
