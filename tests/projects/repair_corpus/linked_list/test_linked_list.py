from linked_list import Cell, reverse, to_list

def chain(*values):
    cell = None
    for value in reversed(values):
        cell = Cell(value, cell)
    return cell

def test_to_list():
    assert to_list(chain(1, 2, 3)) == [1, 2, 3]

def test_reverse():
    assert to_list(reverse(chain(1, 2, 3))) == [3, 2, 1]

def test_short():
    assert reverse(None) is None
    assert to_list(reverse(chain(1))) == [1]
