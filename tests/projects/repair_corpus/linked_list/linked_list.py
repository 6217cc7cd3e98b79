class Cell:
    def __init__(self, value, rest=None):
        self.value = value
        self.rest = rest


def reverse(cell):
    """Return the cells in the opposite order; they are relinked in place."""
    before = None
    while cell is not None:
        following = cell.rest
        cell.rest = before
        before = cell
        cell = following
    return before


def to_list(cell):
    values = []
    while cell is not None:
        values.append(cell.value)
        cell = cell.rest
    return values
