def spiral(matrix):
    """Return the items of a matrix clockwise from the top left, going inwards."""
    result = []
    top, bottom = 0, len(matrix) - 1
    left, right = 0, len(matrix[0]) - 1 if matrix else -1
    while top <= bottom and left <= right:
        for column in range(left, right + 1):
            result.append(matrix[top][column])
        for row in range(top + 1, bottom + 1):
            result.append(matrix[row][right])
        if top < bottom and left < right:
            for column in range(right - 1, left, -1):
                result.append(matrix[bottom][column])
            for row in range(bottom, top, -1):
                result.append(matrix[row][left])
        top, bottom = top + 1, bottom - 1
        left, right = left + 1, right - 1
    return result
