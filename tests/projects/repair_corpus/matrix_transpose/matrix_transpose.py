def transpose(matrix):
    """Return the matrix with rows and columns exchanged."""
    if not matrix:
        return []
    n_rows, n_columns = len(matrix), len(matrix[0])
    result = [[0] * n_rows for _ in range(n_columns)]
    for row in range(n_rows):
        for column in range(n_columns):
            result[column][row] = matrix[row][column]
    return result
