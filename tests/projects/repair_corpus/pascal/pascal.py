def pascal(n_rows):
    """Return the first rows of Pascal's triangle."""
    rows = []
    for n in range(n_rows):
        row = [1]
        for k in range(1, n):
            row.append(rows[n - 1][k - 1] + rows[n - 1][k])
        if n > 0:
            row.append(1)
        rows.append(row)
    return rows
