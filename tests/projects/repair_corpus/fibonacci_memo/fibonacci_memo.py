def fibonacci(n, known=None):
    """Return the n-th Fibonacci number."""
    known = {} if known is None else known
    if n < 2:
        return n
    if n not in known:
        known[n] = fibonacci(n - 1, known) + fibonacci(n - 2, known)
    return known[n]
