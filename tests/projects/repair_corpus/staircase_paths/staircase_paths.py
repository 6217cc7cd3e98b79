def paths(rows, columns, blocked):
    """Return in how many ways one comes from the top left to the bottom right, going right and down."""
    counts = [[0] * columns for _ in range(rows)]
    for row in range(rows):
        for column in range(columns):
            if (row, column) in blocked:
                continue
            if row == 0 and column == 0:
                counts[row][column] = 1
                continue
            above = counts[row - 1][column] if row > 0 else 0
            before = counts[row][column - 1] if column > 0 else 0
            counts[row][column] = above + before
    return counts[-1][-1]
