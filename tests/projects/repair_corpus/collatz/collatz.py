def collatz_length(n):
    """Return how many numbers the Collatz sequence from `n` down to 1 has."""
    length = 1
    while n != 1:
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n + 1
        length += 1
    return length
