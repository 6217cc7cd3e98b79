class Tree:
    def __init__(self, value, left=None, right=None):
        self.value = value
        self.left = left
        self.right = right


def height(tree):
    """Return the number of levels."""
    if tree is None:
        return 0
    return 1 + max(height(tree.left), height(tree.right))


def leaves(tree):
    if tree is None:
        return 0
    if tree.left is None and tree.right is None:
        return 1
    return leaves(tree.left) + leaves(tree.right)
